//! The vellum-log tool: reads a data directory and never changes it, but in repair.
