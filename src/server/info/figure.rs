//! How the figures of INFO are printed, by their type.

use std::fmt::Write as _;

use crate::base::ReplId;

/// Writes itself as the line or lines of a figure.
pub trait Figure {
    /// Appends `name:value\r\n`, or nothing where there is no value.
    fn write(&self, name: &str, out: &mut String);
}

pub(super) fn line(out: &mut String, name: &str, value: impl std::fmt::Display) {
    // Writing to a String cannot fail.
    let _ = write!(out, "{name}:{value}\r\n");
}

macro_rules! plain_figure {
    ($($type:ty),*) => {$(
        impl Figure for $type {
            fn write(&self, name: &str, out: &mut String) {
                line(out, name, self);
            }
        }
    )*};
}
plain_figure!(u16, u32, u64, usize, i64, String, &'static str, ReplId);

/// A truth value prints as 1 or 0.
impl Figure for bool {
    fn write(&self, name: &str, out: &mut String) {
        line(out, name, u8::from(*self));
    }
}

impl<T: Figure> Figure for Option<T> {
    fn write(&self, name: &str, out: &mut String) {
        if let Some(figure) = self {
            figure.write(name, out);
        }
    }
}

/// A figure printed with two decimals.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Decimal(pub f64);

impl Figure for Decimal {
    fn write(&self, name: &str, out: &mut String) {
        line(out, name, format_args!("{:.2}", self.0));
    }
}

/// A percentage printed with two decimals and its sign.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Percent(pub f64);

impl Figure for Percent {
    fn write(&self, name: &str, out: &mut String) {
        line(out, name, format_args!("{:.2}%", self.0));
    }
}

/// Processor seconds, printed with six decimals.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct CpuSeconds(pub f64);

impl Figure for CpuSeconds {
    fn write(&self, name: &str, out: &mut String) {
        line(out, name, format_args!("{:.6}", self.0));
    }
}

/// Bytes, printed plain and once more as `<name>_human`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bytes(pub u64);

impl Figure for Bytes {
    fn write(&self, name: &str, out: &mut String) {
        line(out, name, self.0);
        line(out, &format!("{name}_human"), human(self.0));
    }
}

/// How something ended last: `ok` or `err`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome(pub bool);

impl Default for Outcome {
    /// Nothing has gone wrong yet.
    fn default() -> Self {
        Self(true)
    }
}

impl Figure for Outcome {
    fn write(&self, name: &str, out: &mut String) {
        line(out, name, if self.0 { "ok" } else { "err" });
    }
}

/// Seconds, -1 where there are none to tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seconds(pub Option<u64>);

impl Figure for Seconds {
    fn write(&self, name: &str, out: &mut String) {
        match self.0 {
            Some(seconds) => line(out, name, seconds),
            None => line(out, name, -1),
        }
    }
}

/// An offset, -1 where there is none.
pub type OffsetOrNone = Seconds;

/// Items numbered from 0: `slave0:...`, `slave1:...`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Numbered(pub Vec<String>);

impl Figure for Numbered {
    fn write(&self, name: &str, out: &mut String) {
        for (n, item) in self.0.iter().enumerate() {
            line(out, &format!("{name}{n}"), item);
        }
    }
}

/// Bytes for people: `918.91K`, `23.54G`.
pub fn human(bytes: u64) -> String {
    let units = [(1u64 << 50, 'P'), (1 << 40, 'T'), (1 << 30, 'G'), (1 << 20, 'M'), (1 << 10, 'K')];
    match units.iter().find(|(size, _)| bytes >= *size) {
        Some((size, unit)) => format!("{:.2}{unit}", bytes as f64 / *size as f64),
        None => format!("{bytes}B"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_print_by_their_type() {
        let mut out = String::new();
        Bytes(940_968).write("used_memory", &mut out);
        Percent(73.254).write("perc", &mut out);
        Seconds(None).write("sec", &mut out);
        Outcome(false).write("status", &mut out);
        Numbered(vec!["a=1".to_owned()]).write("slave", &mut out);
        None::<u64>.write("none", &mut out);
        CpuSeconds(0.5).write("cpu", &mut out);
        let expected = "used_memory:940968\r\nused_memory_human:918.91K\r\nperc:73.25%\r\nsec:-1\r\n\
                        status:err\r\nslave0:a=1\r\ncpu:0.500000\r\n";
        assert_eq!(out, expected);
        assert_eq!((human(200), human(25_276_502_016)), ("200B".to_owned(), "23.54G".to_owned()));
    }
}
