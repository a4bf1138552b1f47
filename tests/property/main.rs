//! Properties and fuzzing of parsers and formats: see tests/README.md.

mod resp;
