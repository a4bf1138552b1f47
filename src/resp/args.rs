//! The arguments of one command, as slices of the buffer they arrived in.

use std::ops::Index;

/// Where one argument lies in its buffer: start and end, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

/// The arguments of one command (the command's name is argument 0): borrowed, never copied.
#[derive(Clone, Copy, Debug)]
pub struct Args<'a> {
    buffer: &'a [u8],
    spans: &'a [Span],
    raw: Option<&'a [u8]>,
}

impl<'a> Args<'a> {
    /// Arguments at `spans` of `buffer`; `raw` is the request in canonical RESP, where it came so.
    ///
    /// Every span lies inside `buffer`.
    pub fn new(buffer: &'a [u8], spans: &'a [Span], raw: Option<&'a [u8]>) -> Self {
        Self { buffer, spans, raw }
    }

    /// Number of arguments, the command's name included.
    pub fn len(&self) -> usize {
        self.spans.len()
    }

    /// Whether there is not even a name.
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// Argument `index`, if there is one.
    pub fn get(&self, index: usize) -> Option<&'a [u8]> {
        self.spans.get(index).map(|s| &self.buffer[s.start..s.end])
    }

    /// All arguments in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &'a [u8]> + DoubleEndedIterator + use<'a> {
        let buffer = self.buffer;
        self.spans.iter().map(move |s| &buffer[s.start..s.end])
    }

    /// The arguments from `index` on.
    pub fn from(&self, index: usize) -> Args<'a> {
        Args { buffer: self.buffer, spans: self.spans.get(index..).unwrap_or(&[]), raw: None }
    }

    /// The whole request as canonical RESP bytes, where it arrived in that form; an inline request
    /// did not, and is encoded anew by whoever needs it.
    pub fn raw(&self) -> Option<&'a [u8]> {
        self.raw
    }
}

impl Index<usize> for Args<'_> {
    type Output = [u8];

    /// Argument `index`; the caller has checked the arity.
    fn index(&self, index: usize) -> &[u8] {
        let span = self.spans[index];
        &self.buffer[span.start..span.end]
    }
}

#[derive(Clone, Copy, Debug)]
struct Bounds {
    spans: (usize, usize),
    raw: Option<Span>,
}

/// The commands parsed from one buffer: positions only, reused from batch to batch.
#[derive(Debug, Default)]
pub struct Batch {
    spans: Vec<Span>,
    commands: Vec<Bounds>,
}

impl Batch {
    /// Forgets all commands and keeps the memory.
    pub fn clear(&mut self) {
        self.spans.clear();
        self.commands.clear();
    }

    /// Number of whole commands.
    pub fn len(&self) -> usize {
        self.commands.len()
    }

    /// Whether there is no whole command.
    pub fn is_empty(&self) -> bool {
        self.commands.is_empty()
    }

    /// Adds an argument to the command being gathered.
    pub fn push_arg(&mut self, span: Span) {
        self.spans.push(span);
    }

    /// Number of arguments of the command being gathered.
    pub fn pending_args(&self) -> usize {
        self.spans.len() - self.commands.last().map_or(0, |c| c.spans.1)
    }

    /// Closes the command being gathered; `raw` is where its canonical RESP form lies, if it has one.
    pub fn finish_command(&mut self, raw: Option<Span>) {
        let start = self.commands.last().map_or(0, |c| c.spans.1);
        self.commands.push(Bounds { spans: (start, self.spans.len()), raw });
    }

    /// Drops the whole commands, keeps the arguments of the one being gathered, and moves every
    /// position `shift` bytes to the left: the buffer has been compacted.
    pub fn retain_pending(&mut self, shift: usize) {
        let done = self.commands.last().map_or(0, |c| c.spans.1);
        self.spans.drain(..done);
        self.commands.clear();
        for span in &mut self.spans {
            span.start -= shift;
            span.end -= shift;
        }
    }

    /// Command `index` over the buffer it was parsed from.
    pub fn args<'a>(&'a self, index: usize, buffer: &'a [u8]) -> Args<'a> {
        let bounds = self.commands[index];
        let raw = bounds.raw.map(|s| &buffer[s.start..s.end]);
        Args::new(buffer, &self.spans[bounds.spans.0..bounds.spans.1], raw)
    }
}

/// Arguments that own their bytes: a queued transaction, a command made here.
#[derive(Clone, Debug, Default)]
pub struct OwnedArgs {
    buffer: Vec<u8>,
    spans: Vec<Span>,
    raw: bool,
}

impl OwnedArgs {
    /// Copies `args`, keeping the raw form when there is one.
    pub fn copy_of(args: &Args<'_>) -> Self {
        match args.raw() {
            Some(raw) => {
                let base = raw.as_ptr() as usize - args.buffer.as_ptr() as usize;
                let shift = |s: &Span| Span { start: s.start - base, end: s.end - base };
                Self {
                    buffer: raw.to_vec(),
                    spans: args.spans.iter().map(shift).collect(),
                    raw: true,
                }
            }
            None => Self::from_slices(args.iter()),
        }
    }

    /// Makes arguments of slices.
    pub fn from_slices<'s>(slices: impl IntoIterator<Item = &'s [u8]>) -> Self {
        let mut owned = Self::default();
        for slice in slices {
            let start = owned.buffer.len();
            owned.buffer.extend_from_slice(slice);
            owned.spans.push(Span { start, end: owned.buffer.len() });
        }
        owned
    }

    /// The arguments, borrowed.
    pub fn as_args(&self) -> Args<'_> {
        Args::new(&self.buffer, &self.spans, self.raw.then_some(&self.buffer[..]))
    }

    /// Bytes held.
    pub fn len_bytes(&self) -> usize {
        self.buffer.len() + self.spans.len() * size_of::<Span>()
    }
}
