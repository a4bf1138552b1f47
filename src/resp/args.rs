//! The arguments of one command, as slices of the buffer they arrived in.

use std::ops::Index;
use std::sync::Arc;

use super::inline::{UnbalancedQuotes, split_words};
use crate::base::limits::SHARED_LEN_MIN;
use crate::base::shared::SharedBytes;

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
    /// What `buffer` lies in, if others may hold it as well.
    lent: Option<&'a Arc<Vec<u8>>>,
}

impl<'a> Args<'a> {
    /// Arguments at `spans` of `buffer`; `raw` is the request in canonical RESP, where it came so.
    ///
    /// Every span lies inside `buffer`.
    pub fn new(buffer: &'a [u8], spans: &'a [Span], raw: Option<&'a [u8]>) -> Self {
        Self { buffer, spans, raw, lent: None }
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
    pub fn iter(
        &self,
    ) -> impl ExactSizeIterator<Item = &'a [u8]> + DoubleEndedIterator + Clone + use<'a> {
        let buffer = self.buffer;
        self.spans.iter().map(move |s| &buffer[s.start..s.end])
    }

    /// The arguments from `index` on.
    pub fn from(&self, index: usize) -> Args<'a> {
        Args {
            buffer: self.buffer,
            spans: self.spans.get(index..).unwrap_or(&[]),
            raw: None,
            ..*self
        }
    }

    /// Argument `index` to hold on to, if it is long and makes up nearly all of a buffer that may be held.
    pub fn shared(&self, index: usize) -> Option<SharedBytes> {
        let (buffer, span) = (self.lent?, self.spans.get(index)?);
        let len = span.end - span.start;
        let is_worth_it = len >= SHARED_LEN_MIN && buffer.capacity() - len <= len / SLACK_PART;
        is_worth_it.then(|| SharedBytes::of(buffer, span.start, span.end)).flatten()
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

/// Where a command's arguments lie and whether they may be logged as they came.
#[derive(Clone, Copy, Debug)]
enum Form {
    /// In the connection's buffer; the whole request is canonical RESP.
    Canonical(Span),
    /// In the connection's buffer, but not quite as the encoder would write it.
    Loose,
    /// In the batch's own buffer: the unescaped words of an inline request.
    Inline,
}

#[derive(Clone, Copy, Debug)]
struct Bounds {
    /// One past the command's last span; its first one follows the command before.
    spans_end: usize,
    form: Form,
}

/// Of a buffer that is held for one argument, no more than one part in so many may be other bytes.
const SLACK_PART: usize = 8;
/// More spans than this are given back to the allocator once a huge command is done.
const SPANS_KEPT_MAX: usize = 16 * 1024;
/// More bytes of inline words than this are given back once they are done with.
const WORDS_LEN_KEPT_MAX: usize = 64 * 1024;

/// The commands parsed from one buffer: positions only, reused from batch to batch.
#[derive(Debug, Default)]
pub struct Batch {
    spans: Vec<Span>,
    commands: Vec<Bounds>,
    words: Vec<u8>,
    /// The buffer it was parsed from, while commands run that may hold on to it.
    lent: Option<Arc<Vec<u8>>>,
}

impl Batch {
    /// Forgets everything and keeps the memory.
    pub fn clear(&mut self) {
        self.spans.clear();
        self.commands.clear();
        self.words.clear();
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
        self.spans.len() - self.spans_done()
    }

    fn spans_done(&self) -> usize {
        self.commands.last().map_or(0, |c| c.spans_end)
    }

    /// Closes the command being gathered; `raw` is where its canonical RESP form lies, if it has one.
    pub fn finish_command(&mut self, raw: Option<Span>) {
        let form = raw.map_or(Form::Loose, Form::Canonical);
        self.commands.push(Bounds { spans_end: self.spans.len(), form });
    }

    /// Adds the words of an inline request as a command; a line without words adds none.
    ///
    /// # Errors
    /// Nothing is added when a quote is open.
    pub fn push_inline(&mut self, line: &[u8]) -> Result<(), UnbalancedQuotes> {
        let before = self.spans.len();
        split_words(line, &mut self.words, &mut self.spans)?;
        if self.spans.len() > before {
            self.commands.push(Bounds { spans_end: self.spans.len(), form: Form::Inline });
        }
        Ok(())
    }

    /// Drops the whole commands, keeps the arguments of the one being gathered, and moves every
    /// position `shift` bytes to the left: the buffer has been compacted.
    pub fn retain_pending(&mut self, shift: usize) {
        let done = self.spans_done();
        self.spans.drain(..done);
        self.commands.clear();
        self.words.clear();
        for span in &mut self.spans {
            span.start -= shift;
            span.end -= shift;
        }
        self.spans.shrink_to(SPANS_KEPT_MAX);
        self.commands.shrink_to(SPANS_KEPT_MAX);
        self.words.shrink_to(WORDS_LEN_KEPT_MAX);
    }

    /// Whether a command may want to hold on to the buffer of `len` bytes that this was parsed from: it
    /// is long, and there is nothing in it but one command.
    pub fn wants_buffer(&self, len: usize) -> bool {
        len >= SHARED_LEN_MIN
            && matches!(self.commands[..], [Bounds { form: Form::Canonical(raw), .. }]
                if raw.end - raw.start == len)
    }

    /// Lends the buffer that this was parsed from to the commands that are going to run.
    pub fn lend(&mut self, mut buffer: Vec<u8>) -> Arc<Vec<u8>> {
        if buffer.capacity() - buffer.len() > buffer.len() / (2 * SLACK_PART) {
            buffer.shrink_to_fit();
        }
        Arc::clone(self.lent.insert(Arc::new(buffer)))
    }

    /// Ends that; the buffer, unless a command holds on to it.
    pub fn take_back(&mut self, lent: Arc<Vec<u8>>) -> Option<Vec<u8>> {
        self.lent = None;
        Arc::into_inner(lent)
    }

    /// Command `index` (below [`len`](Self::len)) over the buffer it was parsed from.
    pub fn args<'a>(&'a self, index: usize, buffer: &'a [u8]) -> Args<'a> {
        let start = if index == 0 { 0 } else { self.commands[index - 1].spans_end };
        let Bounds { spans_end, form } = self.commands[index];
        let spans = &self.spans[start..spans_end];
        match form {
            Form::Canonical(raw) => {
                let raw = Some(&buffer[raw.start..raw.end]);
                Args { buffer, spans, raw, lent: self.lent.as_ref() }
            }
            Form::Loose => Args::new(buffer, spans, None),
            Form::Inline => Args::new(&self.words, spans, None),
        }
    }

    /// Whether command `index` (below [`len`](Self::len)) came as an inline request.
    pub fn is_inline(&self, index: usize) -> bool {
        matches!(self.commands[index].form, Form::Inline)
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

#[cfg(test)]
mod tests {
    use super::super::request::{ParseLimits, RequestParser};
    use super::*;

    fn parsed(request: &[u8]) -> Batch {
        let (mut parser, mut batch) = (RequestParser::new(), Batch::default());
        parser.fill(request, &mut batch, &ParseLimits::default(), 10).unwrap();
        batch
    }

    fn request(words: &[&[u8]]) -> Vec<u8> {
        let mut request = Vec::new();
        super::super::encode::push_command(&mut request, words);
        request
    }

    #[test]
    fn only_an_argument_that_is_nearly_all_of_its_buffer_may_be_held() {
        let long = [b'x'; 2 * SHARED_LEN_MIN];
        let short = &long[..SHARED_LEN_MIN - 1];
        let cases: [(&[&[u8]], bool); 4] = [
            (&[b"SET", b"key", &long], true),
            (&[b"SET", &long[..long.len() / 9], &long], true),
            (&[b"SET", &long[..long.len() / 7], &long], false),
            (&[b"SET", b"key", short], false),
        ];
        for (words, held) in cases {
            let mut buffer = request(words);
            buffer.reserve(10 * long.len());
            let mut batch = parsed(&buffer);
            assert!(batch.wants_buffer(buffer.len()));
            assert!(batch.args(0, &buffer).shared(2).is_none(), "it is not lent yet");
            let lent = batch.lend(buffer);
            let string = batch.args(0, &lent).shared(2);
            assert_eq!(
                string.as_ref().map(|string| string.to_vec() == words[2]),
                held.then_some(true)
            );
            // With what little may lie beside it.
            let memory_max = words[2].len() * 9 / 8 + SharedBytes::OVERHEAD;
            assert!(string.as_ref().is_none_or(|string| string.memory_bytes() <= memory_max));
            assert_eq!(batch.take_back(lent).is_none(), held);
        }
    }

    #[test]
    fn a_buffer_with_more_than_one_command_is_not_lent() {
        let long = [b'x'; 2 * SHARED_LEN_MIN];
        let one = request(&[b"SET", b"key", &long]);
        let two = [&one[..], b"*1\r\n$4\r\nPING\r\n"].concat();
        let cut = [&one[..], b"*1\r\n"].concat();
        assert!(!parsed(&two).wants_buffer(two.len()));
        assert!(!parsed(&cut).wants_buffer(cut.len()));
    }
}
