//! Directives whose value is a list or a small language of its own.

use std::time::Duration;

use super::choices::not_one_of;
use super::value::{Kind, Value, join, parse_memory};

/// Most addresses `bind` takes.
const BIND_ADDRESSES_MAX: usize = 16;

/// Words as they stand: the addresses of `bind`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Addresses(pub Vec<String>);

impl Value for Addresses {
    fn parse(_: Kind, words: &[&str]) -> Result<Self, String> {
        if words.len() > BIND_ADDRESSES_MAX {
            return Err("Too many bind addresses specified.".to_owned());
        }
        Ok(Self(words.iter().filter(|w| !w.is_empty()).map(|w| (*w).to_owned()).collect()))
    }

    fn print(&self, _: Kind) -> String {
        self.0.join(" ")
    }

    fn lines(&self, _: Kind) -> Vec<String> {
        vec![if self.0.is_empty() { "\"\"".to_owned() } else { self.0.join(" ") }]
    }
}

/// One save point: a snapshot is due when this many changes are this old.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SavePoint {
    /// Seconds since the last snapshot.
    pub seconds: u64,
    /// Changes since the last snapshot.
    pub changes: u64,
}

/// The points of `save`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SavePoints(pub Vec<SavePoint>);

impl SavePoints {
    /// Whether a snapshot is due after `changes` changes and `since` time.
    pub fn is_due(&self, changes: u64, since: Duration) -> bool {
        self.0.iter().any(|p| changes >= p.changes && since.as_secs() > p.seconds)
    }
}

impl Value for SavePoints {
    fn parse(_: Kind, words: &[&str]) -> Result<Self, String> {
        let invalid = || "Invalid save parameters".to_owned();
        if matches!(words, [] | [""]) {
            return Ok(Self::default());
        }
        let (pairs, rest) = words.as_chunks::<2>();
        if pairs.is_empty() || !rest.is_empty() {
            return Err(invalid());
        }
        let point = |[seconds, changes]: &[&str; 2]| {
            let seconds = seconds.parse().ok().filter(|s| *s >= 1 && *s <= i64::MAX as u64)?;
            let changes = changes.parse().ok().filter(|c| *c <= i32::MAX as u64)?;
            Some(SavePoint { seconds, changes })
        };
        pairs.iter().map(point).collect::<Option<Vec<_>>>().map(Self).ok_or_else(invalid)
    }

    fn print(&self, _: Kind) -> String {
        join(self.0.iter().map(|p| format!("{} {}", p.seconds, p.changes)))
    }

    fn lines(&self, _: Kind) -> Vec<String> {
        if self.0.is_empty() {
            return vec!["\"\"".to_owned()];
        }
        self.0.iter().map(|p| format!("{} {}", p.seconds, p.changes)).collect()
    }

    /// The first line replaces the default, later ones add to it, `save ""` forgets all before it.
    fn absorb(&mut self, kind: Kind, words: &[&str], is_first: bool) -> Result<(), String> {
        let points = Self::parse(kind, words)?;
        if is_first || points.0.is_empty() {
            self.0.clear();
        }
        self.0.extend(points.0);
        Ok(())
    }
}

/// How much a class of clients may leave unread before it is disconnected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OutputLimit {
    /// Bytes at which a client is disconnected at once; 0 for no limit.
    pub hard_bytes: u64,
    /// Bytes at which a client is disconnected after `soft_seconds`; 0 for no limit.
    pub soft_bytes: u64,
    /// Seconds a client may stay over `soft_bytes`.
    pub soft_seconds: u64,
}

/// `client-output-buffer-limit`, class by class.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OutputLimits {
    /// Ordinary clients and MONITOR.
    pub normal: OutputLimit,
    /// Replicas.
    pub replica: OutputLimit,
    /// Subscribers.
    pub pubsub: OutputLimit,
}

impl OutputLimits {
    fn class(&mut self, name: &str) -> Option<&mut OutputLimit> {
        match name.to_ascii_lowercase().as_str() {
            "normal" => Some(&mut self.normal),
            "slave" | "replica" => Some(&mut self.replica),
            "pubsub" => Some(&mut self.pubsub),
            _ => None,
        }
    }

    fn merge(&mut self, words: &[&str]) -> Result<(), String> {
        if words == [""] {
            return Ok(());
        }
        let (groups, rest) = words.as_chunks::<4>();
        if groups.is_empty() || !rest.is_empty() {
            return Err("Wrong number of arguments in buffer limit configuration.".to_owned());
        }
        for [class, hard, soft, seconds] in groups {
            let class = self.class(class).ok_or_else(|| {
                "Invalid client class specified in buffer limit configuration.".to_owned()
            })?;
            let numbers = (parse_memory(hard), parse_memory(soft), seconds.parse().ok());
            let (Some(hard_bytes), Some(soft_bytes), Some(soft_seconds)) = numbers else {
                let text =
                    "Error in hard, soft or soft_seconds setting in buffer limit configuration.";
                return Err(text.to_owned());
            };
            *class = OutputLimit { hard_bytes, soft_bytes, soft_seconds };
        }
        Ok(())
    }
}

impl Value for OutputLimits {
    fn parse(_: Kind, words: &[&str]) -> Result<Self, String> {
        let mut limits = Self::default();
        limits.merge(words)?;
        Ok(limits)
    }

    /// The class of replicas is called `slave` here, which is what Redis shows.
    fn print(&self, _: Kind) -> String {
        let classes = [("normal", self.normal), ("slave", self.replica), ("pubsub", self.pubsub)];
        join(classes.map(|(class, limit)| {
            format!("{class} {} {} {}", limit.hard_bytes, limit.soft_bytes, limit.soft_seconds)
        }))
    }

    fn lines(&self, _: Kind) -> Vec<String> {
        let classes = [("normal", self.normal), ("replica", self.replica), ("pubsub", self.pubsub)];
        let line = |(class, limit): (&str, OutputLimit)| {
            let hard = super::value::print_memory(limit.hard_bytes);
            let soft = super::value::print_memory(limit.soft_bytes);
            format!("{class} {hard} {soft} {}", limit.soft_seconds)
        };
        classes.map(line).into()
    }

    /// Only the classes a line names change.
    fn absorb(&mut self, _: Kind, words: &[&str], _: bool) -> Result<(), String> {
        let mut merged = *self;
        merged.merge(words)?;
        *self = merged;
        Ok(())
    }
}

/// `replicaof`: the master this server follows, if any.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Master(pub Option<MasterAddress>);

/// Where a master listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MasterAddress {
    /// Host name or address.
    pub host: String,
    /// TCP port.
    pub port: u16,
}

impl Value for Master {
    fn parse(_: Kind, words: &[&str]) -> Result<Self, String> {
        match words {
            [""] => Ok(Self(None)),
            [no, one] if no.eq_ignore_ascii_case("no") && one.eq_ignore_ascii_case("one") => {
                Ok(Self(None))
            }
            [host, port] => {
                let port = port.parse().map_err(|_| "Invalid master port".to_owned())?;
                Ok(Self(Some(MasterAddress { host: (*host).to_owned(), port })))
            }
            _ => Err("wrong number of arguments".to_owned()),
        }
    }

    fn print(&self, _: Kind) -> String {
        self.0.as_ref().map_or_else(String::new, |m| format!("{} {}", m.host, m.port))
    }

    fn lines(&self, _: Kind) -> Vec<String> {
        match &self.0 {
            Some(master) => vec![format!("{} {}", super::tokens::quote(&master.host), master.port)],
            None => vec!["no one".to_owned()],
        }
    }
}

/// `latency-tracking-info-percentiles`: percentages from 0 to 100.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Percentiles(pub Vec<f64>);

impl Value for Percentiles {
    fn parse(_: Kind, words: &[&str]) -> Result<Self, String> {
        if words == [""] {
            return Ok(Self::default());
        }
        let percentile = |word: &&str| {
            let number =
                word.parse::<f64>().ok().filter(|n| n.is_finite()).ok_or_else(|| {
                    "Invalid latency-tracking-info-percentiles parameters".to_owned()
                })?;
            if (0.0..=100.0).contains(&number) {
                Ok(number)
            } else {
                let text =
                    "latency-tracking-info-percentiles parameters should sit between [0.0,100.0]";
                Err(text.to_owned())
            }
        };
        words.iter().map(percentile).collect::<Result<_, _>>().map(Self)
    }

    fn print(&self, _: Kind) -> String {
        join(&self.0)
    }

    fn lines(&self, kind: Kind) -> Vec<String> {
        vec![if self.0.is_empty() { "\"\"".to_owned() } else { self.print(kind) }]
    }
}

/// `shutdown-on-sigint` and `shutdown-on-sigterm`: the options of the SHUTDOWN a signal stands for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ShutdownOptions {
    /// Take a snapshot even where no save point is set.
    pub save: bool,
    /// Take no snapshot.
    pub nosave: bool,
    /// Do not wait for replicas.
    pub now: bool,
    /// Stop even where the snapshot fails.
    pub force: bool,
}

impl Value for ShutdownOptions {
    fn parse(_: Kind, words: &[&str]) -> Result<Self, String> {
        let invalid = || not_one_of(&["default", "save", "nosave", "now", "force"]);
        if words.is_empty() {
            return Err(invalid());
        }
        let mut options = Self::default();
        for word in words {
            match word.to_ascii_lowercase().as_str() {
                "default" => {}
                "save" => options.save = true,
                "nosave" => options.nosave = true,
                "now" => options.now = true,
                "force" => options.force = true,
                _ => return Err(invalid()),
            }
        }
        if options.save && options.nosave {
            return Err("shutdown options SAVE and NOSAVE can't be used simultaneously".to_owned());
        }
        Ok(options)
    }

    fn print(&self, _: Kind) -> String {
        let words = [
            (self.save, "save"),
            (self.nosave, "nosave"),
            (self.now, "now"),
            (self.force, "force"),
        ];
        let text = join(words.into_iter().filter(|(set, _)| *set).map(|(_, word)| word));
        if text.is_empty() { "default".to_owned() } else { text }
    }

    fn lines(&self, kind: Kind) -> Vec<String> {
        vec![self.print(kind)]
    }
}

/// The classes of `notify-keyspace-events`, one bit each; bit `n` is letter `n` of [`Self::LETTERS`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EventClasses(u16);

impl EventClasses {
    /// The letters in the order CONFIG GET shows them; the first [`Self::ALIASED`] are what `A` stands for.
    pub const LETTERS: &'static [u8; 14] = b"g$lshzxetdnKEm";
    const ALIASED: u16 = (1 << 10) - 1;

    /// Whether the class with this letter is on.
    pub fn contains(self, letter: u8) -> bool {
        Self::bit(letter).is_some_and(|bit| self.0 & bit != 0)
    }

    /// Whether nothing is to be published at all.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    fn bit(letter: u8) -> Option<u16> {
        match letter {
            b'A' => Some(Self::ALIASED),
            letter => Self::LETTERS.iter().position(|l| *l == letter).map(|n| 1 << n),
        }
    }
}

impl Value for EventClasses {
    fn parse(_: Kind, words: &[&str]) -> Result<Self, String> {
        let [word] = words else { return Err("wrong number of arguments".to_owned()) };
        let bits = word.bytes().try_fold(0, |bits, letter| Some(bits | Self::bit(letter)?));
        let invalid = "Invalid event class character. Use 'Ag$lshzxeKEtmdn'.";
        bits.map(Self).ok_or_else(|| invalid.to_owned())
    }

    fn print(&self, _: Kind) -> String {
        let all = self.0 & Self::ALIASED == Self::ALIASED;
        let mut text = if all { "A".to_owned() } else { String::new() };
        for (n, letter) in Self::LETTERS.iter().enumerate() {
            let bit = 1 << n;
            if self.0 & bit != 0 && !(all && Self::ALIASED & bit != 0) {
                text.push(char::from(*letter));
            }
        }
        text
    }
}

/// `oom-score-adj-values`: scores for a master, a replica and a background child.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OomScores(pub [i32; 3]);

impl Value for OomScores {
    fn parse(_: Kind, words: &[&str]) -> Result<Self, String> {
        let [master, replica, child] = words else {
            return Err("wrong number of arguments".to_owned());
        };
        let score = |word: &str| {
            let number = word.parse().ok().filter(|n| (-2000..=2000).contains(n));
            number.ok_or_else(|| {
                "Invalid oom-score-adj-values, elements must be between -2000 and 2000.".to_owned()
            })
        };
        Ok(Self([score(master)?, score(replica)?, score(child)?]))
    }

    fn print(&self, _: Kind) -> String {
        join(self.0)
    }

    fn lines(&self, kind: Kind) -> Vec<String> {
        vec![self.print(kind)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: Kind = Kind::List("");

    fn words(text: &str) -> Vec<&str> {
        text.split(' ').collect()
    }

    #[test]
    fn save_points_replace_the_default_and_then_add_up() {
        let mut points = SavePoints::parse(LIST, &words("3600 1 300 100")).unwrap();
        points.absorb(LIST, &["900", "1"], true).unwrap();
        points.absorb(LIST, &["60", "5"], false).unwrap();
        assert_eq!(points.print(LIST), "900 1 60 5");
        assert!(points.is_due(5, Duration::from_secs(61)));
        assert!(!points.is_due(4, Duration::from_secs(61)));
        assert!(!points.is_due(5, Duration::from_secs(60)));
        let some = points.clone();
        points.absorb(LIST, &[""], false).unwrap();
        assert_eq!(points.print(LIST), "");
        points = some;
        points.absorb(LIST, &[], false).unwrap();
        assert_eq!(points.print(LIST), "", "a line with the name alone");
        assert!(!points.is_due(u64::MAX, Duration::MAX));
        for bad in ["1", "a b", "0 1", "900 -1", "10  20", "  "] {
            assert_eq!(
                SavePoints::parse(LIST, &words(bad)).unwrap_err(),
                "Invalid save parameters"
            );
        }
    }

    #[test]
    fn output_limits_change_only_the_classes_named() {
        let mut limits = OutputLimits::default();
        limits.absorb(LIST, &words("slave 1mb 1kb 3"), false).unwrap();
        limits.absorb(LIST, &words("pubsub 5 6 7"), false).unwrap();
        let before = limits;
        assert!(limits.absorb(LIST, &words("normal 1 2 3 master 1 2 3"), false).is_err());
        assert_eq!(limits, before, "a refused line changes nothing");
        assert_eq!(limits.print(LIST), "normal 0 0 0 slave 1048576 1024 3 pubsub 5 6 7");
        assert_eq!(limits.lines(LIST)[1], "replica 1mb 1kb 3");
    }

    #[test]
    fn event_classes_print_in_redis_order() {
        let text = |word: &str| EventClasses::parse(Kind::Text, &[word]).unwrap().print(Kind::Text);
        for (given, shown) in [
            ("KEg", "gKE"),
            ("KEA", "AKE"),
            ("KEAm", "AKEm"),
            ("Kxe", "xeK"),
            ("gshzxeltdn", "glshzxetdn"),
            ("g$lshzxetd", "A"),
            ("", ""),
        ] {
            assert_eq!(text(given), shown);
        }
        assert!(EventClasses::parse(Kind::Text, &["q"]).is_err());
        assert!(EventClasses::parse(Kind::Text, &["A"]).unwrap().contains(b'$'));
    }

    #[test]
    fn shutdown_options_read_and_print() {
        let options = ShutdownOptions::parse(LIST, &words("now force save")).unwrap();
        assert_eq!(options.print(LIST), "save now force");
        assert_eq!(ShutdownOptions::default().print(LIST), "default");
        let clash = ShutdownOptions::parse(LIST, &words("save nosave")).unwrap_err();
        assert!(clash.contains("simultaneously"));
        assert!(ShutdownOptions::parse(LIST, &[""]).unwrap_err().ends_with("now, force"));
        assert!(ShutdownOptions::parse(LIST, &[]).unwrap_err().ends_with("now, force"));
    }
}
