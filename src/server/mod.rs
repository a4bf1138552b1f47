//! Configuration, start, stop, supervision and the administrative commands.
