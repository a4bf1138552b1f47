//! Values, databases, expiry and scan: pure data.
