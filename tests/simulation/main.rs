//! Tests on the simulated disk: see tests/README.md.
