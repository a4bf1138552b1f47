//! One key with its metadata and value.

use std::cell::Cell;

use super::value::{NewValue, Value, ValueRef};

/// A key, its expiry time, its access word and its value.
#[derive(Debug)]
pub struct Entry {
    key: Box<[u8]>,
    value: Value,
    expire_ms: Option<u64>,
    access: Cell<u32>,
    raw: bool,
    marked: bool,
}

impl Entry {
    pub(super) fn new(key: &[u8], value: NewValue<'_>, expire_ms: Option<u64>) -> Self {
        let value = owned(value);
        Self { key: key.into(), value, expire_ms, access: Cell::new(0), raw: false, marked: false }
    }

    /// The key.
    pub fn key(&self) -> &[u8] {
        &self.key
    }

    /// The value.
    pub fn value(&self) -> ValueRef<'_> {
        self.value.as_ref()
    }

    /// When the key expires, in milliseconds since the Unix epoch.
    pub fn expire_ms(&self) -> Option<u64> {
        self.expire_ms
    }

    /// Whether the key's time has come at `now_ms` (milliseconds since the Unix epoch).
    pub fn is_expired(&self, now_ms: u64) -> bool {
        self.expire_ms().is_some_and(|at| at <= now_ms)
    }

    /// The access word: 24 bits that belong to whoever decides about eviction.
    pub fn access(&self) -> u32 {
        self.access.get()
    }

    /// Sets the access word (its low 24 bits). Not a change of the value: a walk does not mind it.
    pub fn set_access(&self, word: u32) {
        self.access.set(word & 0xff_ffff);
    }

    /// The name `TYPE` gives.
    pub fn type_name(&self) -> &'static str {
        self.value().type_name()
    }

    /// The name `OBJECT ENCODING` gives.
    pub fn encoding(&self) -> &'static str {
        if self.raw { "raw" } else { self.value().encoding() }
    }

    /// Bytes of memory that the entry takes.
    pub fn memory_bytes(&self) -> usize {
        size_of::<Self>() + self.key.len() + self.value().len()
    }

    pub(super) fn is_marked(&self) -> bool {
        self.marked
    }

    pub(super) fn set_marked(&mut self, marked: bool) {
        self.marked = marked;
    }

    pub(super) fn set_value(&mut self, value: NewValue<'_>) {
        self.value = owned(value);
        self.raw = false;
    }

    pub(super) fn set_expire_ms(&mut self, expire_ms: Option<u64>) {
        self.expire_ms = expire_ms;
    }

    /// Lets `edit` change the string in place; it is `raw` from then on.
    pub(super) fn edit_string(&mut self, edit: impl FnOnce(&mut Vec<u8>)) {
        let mut bytes = match std::mem::replace(&mut self.value, Value::Int(0)) {
            Value::Int(number) => ValueRef::Int(number).to_cow().into_owned(),
            Value::Bytes(bytes) => bytes,
        };
        edit(&mut bytes);
        self.value = Value::Bytes(bytes);
        self.raw = true;
    }
}

fn owned(value: NewValue<'_>) -> Value {
    match value {
        NewValue::Int(number) => Value::Int(number),
        NewValue::Copied(bytes) => Value::Bytes(bytes.to_vec()),
        NewValue::Moved(bytes) => Value::Bytes(bytes),
    }
}
