//! A clock that ticks at even times, also where these are far less than a millisecond apart.

use std::io;
use std::time::{Duration, Instant};

/// Times one after the other.
pub struct Ticker {
    next: Instant,
    every: Duration,
    #[cfg(target_os = "linux")]
    timer: timer::Timer,
}

impl Ticker {
    /// The first tick, and how far apart they are. Within a runtime only.
    pub fn new(first: Instant, every: Duration) -> io::Result<Self> {
        Ok(Self {
            next: first,
            every,
            #[cfg(target_os = "linux")]
            timer: timer::Timer::new(first, every)?,
        })
    }

    /// Waits for the next tick, if it is not over already; when it was due.
    pub async fn next(&mut self) -> io::Result<Instant> {
        #[cfg(target_os = "linux")]
        self.timer.tick().await?;
        #[cfg(not(target_os = "linux"))]
        tokio::time::sleep_until(self.next.into()).await;
        let due = self.next;
        self.next += self.every;
        Ok(due)
    }
}

/// The runtime's own timers count in milliseconds.
#[cfg(target_os = "linux")]
mod timer {
    use std::io;
    use std::time::{Duration, Instant};

    use rustix::time::{
        Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
        timerfd_settime,
    };
    use tokio::net::unix::pipe::Receiver;

    pub struct Timer {
        /// No pipe, but it is waited for and read as one.
        file: Receiver,
        /// Ticks that are over and were not asked for yet.
        over: u64,
    }

    impl Timer {
        pub fn new(first: Instant, every: Duration) -> io::Result<Self> {
            let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
            let file = timerfd_create(TimerfdClockId::Monotonic, flags)?;
            // A time of zero would stop it.
            let until = first.saturating_duration_since(Instant::now());
            let times = Itimerspec {
                it_value: timespec(until.max(Duration::from_nanos(1)))?,
                it_interval: timespec(every)?,
            };
            timerfd_settime(&file, TimerfdTimerFlags::empty(), &times)?;
            Ok(Self { file: Receiver::from_owned_fd_unchecked(file)?, over: 0 })
        }

        pub async fn tick(&mut self) -> io::Result<()> {
            while self.over == 0 {
                self.file.readable().await?;
                let mut count = [0; 8];
                match self.file.try_read(&mut count) {
                    Ok(_) => self.over = u64::from_ne_bytes(count),
                    Err(e) if e.kind() == io::ErrorKind::WouldBlock => {}
                    Err(e) => return Err(e),
                }
            }
            self.over -= 1;
            Ok(())
        }
    }

    fn timespec(time: Duration) -> io::Result<Timespec> {
        Timespec::try_from(time).map_err(io::Error::other)
    }
}
