//! Master and replica: the PSYNC wire format and its state machines.
