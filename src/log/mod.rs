//! The command log: frames, segments, manifest, writer, reader, recovery, retention.
