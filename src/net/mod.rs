//! Listeners and connections: knows only the engine's handle.
