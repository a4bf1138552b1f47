//! One key with its metadata and value, in one allocation.
//!
//! ```text
//! Entry, the 8 bytes that stand in a table slot
//!   63           48 47                                         4 3      0
//!  +---------------+--------------------------------------------+--------+
//!  | tag           | address of the block                       | epoch  |
//!  +---------------+--------------------------------------------+--------+
//!   tag: top bits of the key's hash      epoch: see `walk`
//!
//! block
//!  +---------+---------+-----------+-------------+-------------+-----------+-----+--------------+
//!  | meta u32| key_len | value_len | expire_ms   | long key len| Long or   | key | short value  |
//!  |         | u16     | u16       | u64, if set | u64, if any | Collection|     | if not long  |
//!  +---------+---------+-----------+-------------+-------------+-----------+-----+--------------+
//!   meta: bits 0..24 access word, 24..26 kind, 26 expire_ms is there, 27 long key len is there,
//!         28 the string was changed in part, 29..32 form of a short collection, 0 for a string
//! ```
//!
//! What always holds: the block's size follows from its head alone ([`block_len`] of what it holds);
//! all parts before the key are multiples of 8 bytes; a number takes 1, 2, 4 or 8 bytes,
//! little-endian. A collection that is packed into few bytes is a short value; any other stands in the
//! block as a [`Collection`].

#![expect(unsafe_code, reason = "a variable-sized block behind a tagged pointer has no safe form")]

use std::alloc::{self, Layout};
use std::ptr::{self, NonNull};

use super::long::{ALLOCATION_OVERHEAD, Long};
use super::types::{Collection, Packed};
use super::value::{Content, NewValue, Value, ValueRef};
use crate::base::shared::SharedBytes;

/// Longest value that stands in the block, in bytes; a longer one has an allocation of its own.
const INLINE_LEN_MAX: usize = 1024;
/// Bits of the hash that stand beside the address.
pub(super) const TAG_BITS: u32 = 16;
/// Number of different epochs.
pub(super) const EPOCHS: u8 = EPOCH_MASK as u8 + 1;

const ADDRESS_BITS: u32 = 64 - TAG_BITS;
const EPOCH_MASK: usize = 0b1111;
const ADDRESS_MASK: usize = ((1 << ADDRESS_BITS) - 1) & !EPOCH_MASK;
/// What common allocators give to every block anyway.
const ALIGN: usize = EPOCH_MASK + 1;

const HEAD_LEN: usize = size_of::<Head>();
const WORD_LEN: usize = size_of::<u64>();
const LONG_LEN: usize = size_of::<Long>();
const COLLECTION_LEN: usize = size_of::<Collection>();
/// `key_len` of a key whose length stands in a word of its own.
const LONG_KEY: u16 = u16::MAX;
/// `expire_ms` of an entry that does not expire but has the room for a time.
const NEVER_MS: u64 = u64::MAX;

const ACCESS_MASK: u32 = 0x00ff_ffff;
const KIND_SHIFT: u32 = 24;
const KIND_MASK: u32 = 0b11 << KIND_SHIFT;
const HAS_EXPIRE: u32 = 1 << 26;
const HAS_LONG_KEY: u32 = 1 << 27;
const CHANGED_IN_PART: u32 = 1 << 28;
const PACKED_SHIFT: u32 = 29;
const PACKED_MASK: u32 = 0b111 << PACKED_SHIFT;

const _: () = assert!(size_of::<usize>() == 8, "a tagged pointer needs 64 bits");
const _: () = assert!(align_of::<Long>() <= WORD_LEN && LONG_LEN.is_multiple_of(WORD_LEN));
const _: () = assert!(align_of::<Collection>() <= WORD_LEN);
const _: () = assert!(COLLECTION_LEN.is_multiple_of(WORD_LEN));
const _: () = assert!(INLINE_LEN_MAX <= u16::MAX as usize);
const _: () = {
    const fn may_go_to_another_thread<T: Send>() {}
    may_go_to_another_thread::<Collection>();
};

/// How the value is kept.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
enum Kind {
    Inline = 0 << KIND_SHIFT,
    Int = 1 << KIND_SHIFT,
    Long = 2 << KIND_SHIFT,
    Collection = 3 << KIND_SHIFT,
}

/// The first bytes of a block.
#[derive(Clone, Copy)]
#[repr(C)]
struct Head {
    meta: u32,
    key_len: u16,
    value_len: u16,
}

/// A value in the form it is kept in.
enum Stored<'a> {
    Inline(&'a [u8]),
    Int { bytes: [u8; 8], width: usize },
    Long(Long),
    Packed(Packed, &'a [u8]),
    Collection(Collection),
}

impl<'a> Stored<'a> {
    fn int(number: i64) -> Self {
        let width = match number {
            -0x80..=0x7f => 1,
            -0x8000..=0x7fff => 2,
            -0x8000_0000..=0x7fff_ffff => 4,
            _ => 8,
        };
        Self::Int { bytes: number.to_le_bytes(), width }
    }

    fn of(value: &'a mut NewValue<'_>) -> Self {
        match value {
            NewValue::Int(number) => Self::int(*number),
            NewValue::Copied(bytes) if bytes.len() > INLINE_LEN_MAX => {
                Self::Long(bytes.to_vec().into())
            }
            NewValue::Copied(bytes) => Self::Inline(bytes),
            NewValue::Moved(bytes) if bytes.len() > INLINE_LEN_MAX => {
                let mut bytes = std::mem::take(bytes);
                if bytes.capacity() - bytes.len() > bytes.len() / 8 {
                    bytes.shrink_to_fit();
                }
                Self::Long(bytes.into())
            }
            NewValue::Moved(bytes) => Self::Inline(bytes),
            NewValue::Shared(bytes) if bytes.len() > INLINE_LEN_MAX => {
                Self::Long(Long::Shared(bytes.clone()))
            }
            NewValue::Shared(bytes) => Self::Inline(bytes),
            NewValue::Collection(collection) => Self::of_collection(collection),
        }
    }

    fn of_collection(collection: &'a mut Collection) -> Self {
        let packed = collection.as_ref().packed();
        if packed.is_none_or(|(_, bytes)| bytes.len() > INLINE_LEN_MAX) {
            collection.shrink();
            return Self::Collection(std::mem::replace(collection, Collection::empty()));
        }
        match collection.as_ref().packed() {
            Some((packed, bytes)) => Self::Packed(packed, bytes),
            None => unreachable!("it is packed"),
        }
    }

    fn kind(&self) -> Kind {
        match self {
            Self::Inline(_) | Self::Packed(..) => Kind::Inline,
            Self::Int { .. } => Kind::Int,
            Self::Long(_) => Kind::Long,
            Self::Collection(_) => Kind::Collection,
        }
    }

    /// The bits of `meta` that tell what the value is.
    fn meta(&self) -> u32 {
        let packed = if let Self::Packed(packed, _) = self { *packed as u32 } else { 0 };
        self.kind() as u32 | packed << PACKED_SHIFT
    }

    /// The bytes that stand in the block after the key.
    fn inline(&self) -> &[u8] {
        match self {
            Self::Inline(bytes) | Self::Packed(_, bytes) => bytes,
            Self::Int { bytes, width } => &bytes[..*width],
            Self::Long(_) | Self::Collection(_) => &[],
        }
    }
}

impl Head {
    fn kind(self) -> Kind {
        match self.meta & KIND_MASK {
            kind if kind == Kind::Int as u32 => Kind::Int,
            kind if kind == Kind::Long as u32 => Kind::Long,
            kind if kind == Kind::Collection as u32 => Kind::Collection,
            _ => Kind::Inline,
        }
    }

    fn has(self, flag: u32) -> bool {
        self.meta & flag != 0
    }

    /// Where the word with a long key's length is.
    fn long_key_at(self) -> usize {
        HEAD_LEN + if self.has(HAS_EXPIRE) { WORD_LEN } else { 0 }
    }

    /// The form of a short collection.
    fn packed(self) -> Option<Packed> {
        Packed::from_number((self.meta >> PACKED_SHIFT) as u8)
    }

    /// Whether the value has a part of its own before the key.
    fn is_apart(self) -> bool {
        matches!(self.kind(), Kind::Long | Kind::Collection)
    }

    /// Where the `Long` of a long string or the `Collection` is.
    fn part_at(self) -> usize {
        self.long_key_at() + if self.has(HAS_LONG_KEY) { WORD_LEN } else { 0 }
    }

    /// Where the key is.
    fn key_at(self) -> usize {
        let part_len = match self.kind() {
            Kind::Long => LONG_LEN,
            Kind::Collection => COLLECTION_LEN,
            Kind::Inline | Kind::Int => 0,
        };
        self.part_at() + part_len
    }
}

/// The size of the block for `content_len` bytes: what a common allocator would hand out for it
/// anyway (multiples of 16 bytes less a word), so that small changes of length stay in place.
fn block_len(content_len: usize) -> usize {
    (content_len + ALLOCATION_OVERHEAD).next_multiple_of(16).max(32) - ALLOCATION_OVERHEAD
}

fn layout(block_len: usize) -> Layout {
    match Layout::from_size_align(block_len, ALIGN) {
        Ok(layout) => layout,
        Err(_) => unreachable!("a block is far smaller than the address space"),
    }
}

/// A key, its expiry time, its access word and its value: a pointer to them, in fact.
pub struct Entry(NonNull<u8>);

// SAFETY: the block belongs to this entry alone and holds only bytes, and a `Long` or a `Collection`,
// which may both go to another thread.
unsafe impl Send for Entry {}

impl Entry {
    /// An entry for `key`, whose hash is `hash`, of epoch 0.
    pub(super) fn new(
        hash: u64,
        key: &[u8],
        mut value: NewValue<'_>,
        expire_ms: Option<u64>,
    ) -> Self {
        let block = Self::build(0, key, Stored::of(&mut value), expire_ms);
        let tag = (hash >> ADDRESS_BITS) as usize;
        Self(block.map_addr(|address| address | tag << ADDRESS_BITS))
    }

    fn build(access: u32, key: &[u8], stored: Stored<'_>, expire_ms: Option<u64>) -> NonNull<u8> {
        let short_key = u16::try_from(key.len()).ok().filter(|&len| len != LONG_KEY);
        let mut meta = access & ACCESS_MASK | stored.meta();
        if expire_ms.is_some() {
            meta |= HAS_EXPIRE;
        }
        if short_key.is_none() {
            meta |= HAS_LONG_KEY;
        }
        let inline = stored.inline();
        let key_len = short_key.unwrap_or(LONG_KEY);
        let head = Head { meta, key_len, value_len: inline.len() as u16 };
        let len = block_len(head.key_at() + key.len() + inline.len());
        // SAFETY: `len` is not zero.
        let Some(block) = NonNull::new(unsafe { alloc::alloc(layout(len)) }) else {
            alloc::handle_alloc_error(layout(len))
        };
        let at = block.as_ptr();
        // SAFETY: the block has room for the head, the parts its flags announce, key and short
        // value, because `len` was computed from them; it is aligned to 8, as are the parts.
        unsafe {
            at.cast::<Head>().write(head);
            if let Some(expire_ms) = expire_ms {
                at.add(HEAD_LEN).cast::<u64>().write(expire_ms.min(NEVER_MS - 1));
            }
            if short_key.is_none() {
                at.add(head.long_key_at()).cast::<u64>().write(key.len() as u64);
            }
            ptr::copy_nonoverlapping(key.as_ptr(), at.add(head.key_at()), key.len());
            let value_at = at.add(head.key_at() + key.len());
            ptr::copy_nonoverlapping(inline.as_ptr(), value_at, inline.len());
            match stored {
                Stored::Long(long) => at.add(head.part_at()).cast::<Long>().write(long),
                Stored::Collection(collection) => {
                    at.add(head.part_at()).cast::<Collection>().write(collection);
                }
                _ => {}
            }
        }
        checked(block)
    }

    /// The entry with its block moved to `block`; the old one is the caller's.
    fn move_to(&mut self, block: NonNull<u8>) {
        let beside = self.0.addr().get() & !ADDRESS_MASK;
        self.0 = block.map_addr(|address| address | beside);
    }

    fn block(&self) -> *mut u8 {
        self.0.as_ptr().map_addr(|address| address & ADDRESS_MASK)
    }

    fn head(&self) -> Head {
        // SAFETY: every block begins with a head, and nobody holds a reference to it.
        unsafe { self.block().cast::<Head>().read() }
    }

    fn set_head(&mut self, head: Head) {
        // SAFETY: as above; `&mut self` says that nobody reads the block now.
        unsafe { self.block().cast::<Head>().write(head) }
    }

    fn key_len(&self, head: Head) -> usize {
        if head.has(HAS_LONG_KEY) {
            // SAFETY: the flag says that the word is there.
            unsafe { self.block().add(head.long_key_at()).cast::<u64>().read() as usize }
        } else {
            usize::from(head.key_len)
        }
    }

    /// Where the short value begins, and so the length of the block's content without it.
    fn value_at(&self, head: Head) -> usize {
        head.key_at() + self.key_len(head)
    }

    fn content_len(&self, head: Head) -> usize {
        self.value_at(head) + usize::from(head.value_len)
    }

    /// Bytes `at..at + len` of the block.
    ///
    /// # Safety
    /// They lie in the block and are initialised.
    unsafe fn bytes(&self, at: usize, len: usize) -> &[u8] {
        // SAFETY: see above; the bytes change only through `&mut self`.
        unsafe { std::slice::from_raw_parts(self.block().add(at), len) }
    }

    fn long(&self, head: Head) -> Option<&Long> {
        // SAFETY: of this kind, a block holds a `Long` there.
        (head.kind() == Kind::Long)
            .then(|| unsafe { &*self.block().add(head.part_at()).cast::<Long>() })
    }

    fn long_mut(&mut self, head: Head) -> Option<&mut Long> {
        // SAFETY: of this kind, a block holds a `Long` there; `&mut self` makes the access the only one.
        (head.kind() == Kind::Long)
            .then(|| unsafe { &mut *self.block().add(head.part_at()).cast::<Long>() })
    }

    fn collection(&self, head: Head) -> Option<&Collection> {
        // SAFETY: of this kind, a block holds a `Collection` there.
        (head.kind() == Kind::Collection)
            .then(|| unsafe { &*self.block().add(head.part_at()).cast::<Collection>() })
    }

    fn collection_mut(&mut self, head: Head) -> Option<&mut Collection> {
        // SAFETY: of this kind, a block holds a `Collection` there; `&mut self` makes the access the
        // only one.
        (head.kind() == Kind::Collection)
            .then(|| unsafe { &mut *self.block().add(head.part_at()).cast::<Collection>() })
    }

    /// The key.
    #[inline]
    pub fn key(&self) -> &[u8] {
        let head = self.head();
        // SAFETY: the key stands there.
        unsafe { self.bytes(head.key_at(), self.key_len(head)) }
    }

    /// The value.
    #[inline]
    pub fn value(&self) -> Content<'_> {
        let head = self.head();
        match (self.collection(head), head.packed()) {
            (Some(collection), _) => Content::Collection(collection.as_ref()),
            (None, Some(packed)) => {
                // SAFETY: a value that is not apart stands there.
                let bytes = unsafe { self.bytes(self.value_at(head), usize::from(head.value_len)) };
                Content::Collection(packed.lend(bytes))
            }
            (None, None) => Content::String(self.string(head)),
        }
    }

    /// The string, if the value is one.
    #[inline]
    pub fn as_string(&self) -> Option<ValueRef<'_>> {
        let head = self.head();
        self.is_string_in(head).then(|| self.string(head))
    }

    /// Whether the value is a string.
    pub fn is_string(&self) -> bool {
        self.is_string_in(self.head())
    }

    #[inline]
    fn is_string_in(&self, head: Head) -> bool {
        head.kind() != Kind::Collection && head.meta & PACKED_MASK == 0
    }

    /// The string that the value is known to be.
    #[inline]
    fn string(&self, head: Head) -> ValueRef<'_> {
        if let Some(bytes) = self.long(head) {
            return ValueRef::Bytes(bytes);
        }
        // SAFETY: a value that is not apart stands there.
        let bytes = unsafe { self.bytes(self.value_at(head), usize::from(head.value_len)) };
        match (head.kind(), bytes) {
            (Kind::Int, &[a]) => ValueRef::Int(i64::from(a as i8)),
            (Kind::Int, &[a, b]) => ValueRef::Int(i64::from(i16::from_le_bytes([a, b]))),
            (Kind::Int, &[a, b, c, d]) => {
                ValueRef::Int(i64::from(i32::from_le_bytes([a, b, c, d])))
            }
            (Kind::Int, &[a, b, c, d, e, f, g, h]) => {
                ValueRef::Int(i64::from_le_bytes([a, b, c, d, e, f, g, h]))
            }
            _ => ValueRef::Bytes(bytes),
        }
    }

    /// The value for replies to hold on to, if it is long enough to be shared.
    pub fn shared(&self) -> Option<&SharedBytes> {
        self.long(self.head())?.shared()
    }

    /// The value, moved out where it has an allocation of its own.
    pub fn into_value(mut self) -> Value {
        let head = self.head();
        if let Some(long) = self.long_mut(head) {
            return Value::Bytes(long.take());
        }
        match self.collection_mut(head) {
            Some(collection) => {
                Value::Collection(std::mem::replace(collection, Collection::empty()))
            }
            None => self.value().to_value(),
        }
    }

    /// Lends the collection to `f` to be changed; `None` if the value is a string. What is short is
    /// changed in a copy with room for `more` bytes and put back.
    pub(super) fn change_collection<R>(
        &mut self,
        more: usize,
        f: impl FnOnce(&mut Collection) -> R,
    ) -> Option<R> {
        let head = self.head();
        let mut collection = match self.collection_mut(head) {
            Some(collection) if collection.as_ref().packed().is_none() => {
                return Some(f(collection));
            }
            Some(collection) => std::mem::replace(collection, Collection::empty()),
            None => match self.value() {
                Content::Collection(collection) => collection.to_owned(more),
                Content::String(_) => return None,
            },
        };
        let result = f(&mut collection);
        self.store(Stored::of_collection(&mut collection));
        Some(result)
    }

    /// When the key expires, in milliseconds since the Unix epoch.
    #[inline]
    pub fn expire_ms(&self) -> Option<u64> {
        if !self.head().has(HAS_EXPIRE) {
            return None;
        }
        // SAFETY: the flag says that the word is there.
        let at = unsafe { self.block().add(HEAD_LEN).cast::<u64>().read() };
        (at != NEVER_MS).then_some(at)
    }

    /// Whether the key's time has come at `now_ms` (milliseconds since the Unix epoch).
    #[inline]
    pub fn is_expired(&self, now_ms: u64) -> bool {
        self.expire_ms().is_some_and(|at| at <= now_ms)
    }

    /// The access word: 24 bits that belong to whoever decides about eviction.
    pub fn access(&self) -> u32 {
        self.head().meta & ACCESS_MASK
    }

    /// Sets the access word (its low 24 bits). Not a change of the value: a walk does not mind it.
    pub fn set_access(&self, word: u32) {
        let meta = self.head().meta & !ACCESS_MASK | word & ACCESS_MASK;
        // SAFETY: `meta` is the block's first field, no reference to it is ever handed out, and an
        // `Entry` is not `Sync`.
        unsafe { self.block().cast::<u32>().write(meta) }
    }

    /// The name `TYPE` gives.
    pub fn type_name(&self) -> &'static str {
        self.value().type_name()
    }

    /// The name `OBJECT ENCODING` gives.
    pub fn encoding(&self) -> &'static str {
        if self.head().has(CHANGED_IN_PART) { "raw" } else { self.value().encoding() }
    }

    /// Whether freeing the value may take long: it is a collection in more than one piece.
    pub fn is_large(&self) -> bool {
        self.head().kind() == Kind::Collection
    }

    /// Bytes of memory that the entry takes, as a common allocator rounds them; without its slot.
    pub fn memory_bytes(&self) -> usize {
        let head = self.head();
        let apart = match (self.long(head), self.collection(head)) {
            (Some(long), _) => long.memory_bytes(),
            (None, Some(collection)) => collection.heap_bytes() + ALLOCATION_OVERHEAD,
            (None, None) => 0,
        };
        block_len(self.content_len(head)) + ALLOCATION_OVERHEAD + apart
    }

    /// The top [`TAG_BITS`] bits of the key's hash.
    #[inline]
    pub(super) fn tag(&self) -> u16 {
        (self.0.addr().get() >> ADDRESS_BITS) as u16
    }

    /// Where the block is; for prefetching only.
    #[inline]
    pub(super) fn address(&self) -> usize {
        self.block().addr()
    }

    /// The epoch of the last snapshot walk that has read this entry or is older than it.
    #[inline]
    pub(super) fn epoch(&self) -> u8 {
        (self.0.addr().get() & EPOCH_MASK) as u8
    }

    /// Sets the epoch, which is below [`EPOCHS`].
    #[inline]
    pub(super) fn set_epoch(&mut self, epoch: u8) {
        let change = (self.0.addr().get() ^ usize::from(epoch)) & EPOCH_MASK;
        let address = |address: usize| address ^ change;
        if let Some(changed) = NonNull::new(self.0.as_ptr().map_addr(address)) {
            self.0 = changed;
        }
    }

    /// Sets the value; it counts as set as a whole.
    pub(super) fn set_value(&mut self, mut value: NewValue<'_>) {
        self.store(Stored::of(&mut value));
    }

    fn store(&mut self, stored: Stored<'_>) {
        let mut head = self.head();
        let meta = stored.meta();
        match stored {
            Stored::Long(new) => match self.long_mut(head) {
                Some(long) => *long = new,
                None => return self.rebuild(Stored::Long(new)),
            },
            Stored::Collection(new) => match self.collection_mut(head) {
                Some(collection) => *collection = new,
                None => return self.rebuild(Stored::Collection(new)),
            },
            stored if head.is_apart() => return self.rebuild(stored),
            stored => {
                let inline = stored.inline();
                head = self.resize_inline(inline.len());
                head.meta = head.meta & !(KIND_MASK | PACKED_MASK) | meta;
                let at = self.value_at(head);
                // SAFETY: `resize_inline` has made room for the value there; `inline` does not lie
                // in the block, because it is borrowed from elsewhere while `self` is `&mut`.
                unsafe {
                    ptr::copy_nonoverlapping(inline.as_ptr(), self.block().add(at), inline.len());
                }
            }
        }
        head.meta &= !CHANGED_IN_PART;
        self.set_head(head);
    }

    /// Moves to a new block with another kind of value.
    fn rebuild(&mut self, stored: Stored<'_>) {
        let block = Self::build(self.access(), self.key(), stored, self.expire_ms());
        self.free();
        self.move_to(block);
    }

    /// Frees the block and what it owns; the entry then needs another one, or is gone.
    fn free(&mut self) {
        let head = self.head();
        let len = block_len(self.content_len(head));
        if let Some(long) = self.long_mut(head) {
            // SAFETY: the `Long` is initialised and not used again.
            unsafe { ptr::drop_in_place(long) }
        }
        if let Some(collection) = self.collection_mut(head) {
            // SAFETY: the `Collection` is initialised and not used again.
            unsafe { ptr::drop_in_place(collection) }
        }
        // SAFETY: the block was allocated with this layout and is not used again.
        unsafe { alloc::dealloc(self.block(), layout(len)) }
    }

    /// Makes the room after the key `value_len` bytes, keeping what fits; the new bytes are not
    /// initialised. The value is not apart.
    fn resize_inline(&mut self, value_len: usize) -> Head {
        let mut head = self.head();
        let before = self.content_len(head);
        let after = self.value_at(head) + value_len;
        self.resize_block(before, after);
        head.value_len = value_len as u16;
        self.set_head(head);
        head
    }

    /// Reallocates the block from one length of content to another.
    fn resize_block(&mut self, content_before: usize, content_after: usize) {
        let (before, after) = (block_len(content_before), block_len(content_after));
        if before == after {
            return;
        }
        // SAFETY: the block was allocated with this layout; `after` is not zero.
        let block = unsafe { alloc::realloc(self.block(), layout(before), after) };
        let Some(block) = NonNull::new(block) else { alloc::handle_alloc_error(layout(after)) };
        self.move_to(checked(block));
    }

    /// Sets or clears the time at which the key expires.
    pub(super) fn set_expire_ms(&mut self, expire_ms: Option<u64>) {
        let mut head = self.head();
        if !head.has(HAS_EXPIRE) {
            if expire_ms.is_none() {
                return;
            }
            let content_len = self.content_len(head);
            self.resize_block(content_len, content_len + WORD_LEN);
            // SAFETY: the block now has room for one word more; the parts move up by it together,
            // a `Long` bit by bit, as moves do.
            unsafe {
                let from = self.block().add(HEAD_LEN);
                ptr::copy(from, from.add(WORD_LEN), content_len - HEAD_LEN);
            }
            head.meta |= HAS_EXPIRE;
            self.set_head(head);
        }
        let at = expire_ms.map_or(NEVER_MS, |at| at.min(NEVER_MS - 1));
        // SAFETY: the word is there.
        unsafe { self.block().add(HEAD_LEN).cast::<u64>().write(at) }
    }

    /// Makes the string at least `len` bytes long, with zeros at its end, and lends it. It counts as
    /// changed in part from then on. Growing bit by bit costs amortised constant time a byte. The value
    /// is a string.
    pub(super) fn string_mut(&mut self, len: usize) -> &mut [u8] {
        assert!(self.is_string(), "a collection has no bytes to be changed");
        if let ValueRef::Int(number) = self.string(self.head()) {
            self.store(Stored::Inline(itoa::Buffer::new().format(number).as_bytes()));
        }
        let mut head = self.head();
        let len_before = self.string(head).len();
        let len = len.max(len_before);
        if head.kind() != Kind::Long && len > INLINE_LEN_MAX {
            let mut bytes = Vec::with_capacity(len.max(2 * len_before));
            self.string(head).with_bytes(|value| bytes.extend_from_slice(value));
            self.rebuild(Stored::Long(bytes.into()));
            head = self.head();
        }
        head.meta |= CHANGED_IN_PART;
        self.set_head(head);
        if head.kind() == Kind::Long {
            return self.long_mut(head).map_or(&mut [], |long| long.resize(len));
        }
        head = self.resize_inline(len);
        let at = self.value_at(head);
        // SAFETY: `resize_inline` made room for `len` bytes there; those before `len_before` are the
        // string's, the others are set to zero; `&mut self` makes the access the only one.
        unsafe {
            let start = self.block().add(at);
            ptr::write_bytes(start.add(len_before), 0, len - len_before);
            std::slice::from_raw_parts_mut(start, len)
        }
    }
}

/// The block, of whose address 16 bits at the top and 4 at the bottom are free for other use.
fn checked(block: NonNull<u8>) -> NonNull<u8> {
    assert!(block.addr().get() & !ADDRESS_MASK == 0, "addresses have 48 bits");
    block
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.free();
    }
}

impl std::fmt::Debug for Entry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Entry")
            .field("key", &self.key())
            .field("value", &self.value())
            .field("expire_ms", &self.expire_ms())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: u64 = 0xfedc_0000_1234_5678;

    fn lengths() -> impl Iterator<Item = usize> {
        [0, 1, 3, 8, 15, 16, 44, 45, 300, INLINE_LEN_MAX, INLINE_LEN_MAX + 1, 70_000].into_iter()
    }

    #[test]
    fn parts_keep_apart_for_all_shapes() {
        for key_len in lengths() {
            let key = vec![b'k'; key_len];
            for len in lengths() {
                let value = vec![b'v'; len];
                for expire_ms in [None, Some(77)] {
                    let entry = Entry::new(HASH, &key, NewValue::Copied(&value), expire_ms);
                    assert_eq!(entry.key(), key);
                    assert_eq!(entry.as_string(), Some(ValueRef::Bytes(&value)));
                    assert_eq!(entry.expire_ms(), expire_ms);
                    assert_eq!(entry.tag(), 0xfedc);
                    assert_eq!(entry.epoch(), 0);
                }
            }
        }
    }

    #[test]
    fn every_value_can_follow_every_other() {
        let mut values = vec![NewValue::Int(0), NewValue::Int(-129), NewValue::Int(70_000)];
        values.extend([NewValue::Int(i64::MIN), NewValue::Int(i64::MAX), NewValue::Int(-1)]);
        values.extend(lengths().map(|len| NewValue::Moved(vec![len as u8; len])));
        values.extend(lengths().map(|len| NewValue::Shared(vec![!len as u8; len].into())));
        for first in &values {
            for second in &values {
                let mut entry = Entry::new(HASH, b"key", first.clone(), None);
                entry.set_access(0x00ab_cdef);
                entry.set_epoch(11);
                entry.set_value(second.clone());
                let expected = match second {
                    NewValue::Int(number) => ValueRef::Int(*number),
                    NewValue::Copied(bytes) => ValueRef::Bytes(bytes),
                    NewValue::Moved(bytes) => ValueRef::Bytes(bytes),
                    NewValue::Collection(_) => unreachable!("there is none among them"),
                    NewValue::Shared(bytes) => ValueRef::Bytes(bytes),
                };
                assert_eq!(entry.as_string(), Some(expected));
                entry.set_expire_ms(Some(5));
                entry.set_expire_ms(None);
                entry.set_expire_ms(Some(6));
                assert_eq!(entry.as_string(), Some(expected));
                assert_eq!((entry.key(), entry.expire_ms()), (&b"key"[..], Some(6)));
                assert_eq!((entry.access(), entry.epoch()), (0x00ab_cdef, 11));
                assert_eq!(entry.tag(), 0xfedc);
            }
        }
    }

    #[test]
    fn strings_grow_in_place_with_zeros() {
        let mut entry = Entry::new(HASH, b"key", NewValue::Int(-12), Some(9));
        assert_eq!(entry.encoding(), "int");
        entry.string_mut(5)[4] = b'x';
        assert_eq!(entry.as_string(), Some(ValueRef::Bytes(b"-12\0x")));
        assert_eq!(entry.encoding(), "raw");
        entry.string_mut(2 * INLINE_LEN_MAX);
        assert_eq!(entry.string(entry.head()).len(), 2 * INLINE_LEN_MAX);
        entry.string_mut(1)[0] = b'+';
        entry.string(entry.head()).with_bytes(|bytes| {
            assert_eq!(&bytes[..5], b"+12\0x");
            assert!(bytes[5..].iter().all(|&byte| byte == 0));
        });
        entry.set_value(NewValue::Copied(b"short"));
        assert_eq!((entry.encoding(), entry.expire_ms()), ("embstr", Some(9)));
    }

    #[test]
    fn appending_to_a_long_string_does_not_move_it_each_time() {
        let mut entry = Entry::new(HASH, b"key", NewValue::Moved(vec![1; 1 << 20]), None);
        let mut places = std::collections::BTreeSet::new();
        let mut len = 1 << 20;
        for _ in 0..10_000 {
            len += 10;
            places.insert(entry.string_mut(len).as_ptr().addr());
        }
        assert!(places.len() <= 2, "{} moves", places.len());
    }

    #[test]
    fn a_short_entry_takes_the_memory_it_should() {
        let bytes = |key: usize, value: usize| {
            Entry::new(HASH, &vec![0; key], NewValue::Copied(&vec![0; value]), None).memory_bytes()
        };
        assert_eq!(bytes(12, 3), 32);
        assert_eq!(bytes(16, 64), 96);
    }
}
