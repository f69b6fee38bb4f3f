//! Ctrl-C and SIGTERM: the first asks the run to end at a chunk's edge, the second ends the process at once.

use crate::failure::Failure;
use crate::output::Output;
use limosa::Stop;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

/// What signals asked for.
#[derive(Clone, Debug)]
pub(crate) struct Watch {
    /// Raised by the first signal.
    pub(crate) stop: Stop,
    code: Arc<AtomicU8>,
}

impl Watch {
    /// The exit code of the signal that came, if one came.
    pub(crate) fn code(&self) -> Option<u8> {
        Some(self.code.load(Ordering::SeqCst)).filter(|c| *c > 0)
    }

    /// Listens from now on, on a thread of its own that ends with the process.
    pub(crate) fn begin(output: &Output) -> Result<Self, Failure> {
        let watch = Self {
            stop: Stop::new(),
            code: Arc::new(AtomicU8::new(0)),
        };
        let mut signals = Signals::new([SIGINT, SIGTERM])
            .map_err(|e| Failure::internal(format!("signals can not be heard: {e}")))?;
        let (mine, output) = (watch.clone(), output.clone());
        std::thread::Builder::new()
            .name("signals".into())
            .spawn(move || {
                for signal in signals.forever() {
                    let code = if signal == SIGTERM { 143 } else { 130 };
                    if mine.code.swap(code, Ordering::SeqCst) > 0 {
                        // Whatever is half done is taken back by the databases: that is what they are for.
                        signal_hook::low_level::exit(i32::from(code));
                    }
                    mine.stop.request();
                    output.say("Stopping at the next edge of a chunk. Once more stops at once; nothing is lost either way.");
                }
            })
            .map_err(|e| Failure::internal(format!("a thread can not be started: {e}")))?;
        Ok(watch)
    }
}
