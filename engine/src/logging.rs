//! The engine's log lines and panics go to the host's callback, or nowhere.

use std::cell::RefCell;
use std::panic;
use std::sync::{Once, RwLock};

use log::{LevelFilter, Log, Metadata, Record};

/// Where a log line goes: level 1 (error) to 5 (trace), and the text.
pub type Sink = Box<dyn Fn(i32, &str) + Send + Sync>;

static SINK: RwLock<Option<Sink>> = RwLock::new(None);
static START: Once = Once::new();

thread_local! {
    static LAST_PANIC: RefCell<Option<String>> = const { RefCell::new(None) };
}

struct Forward;

impl Log for Forward {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= log::max_level()
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            send(
                record.level() as i32,
                &format!("{}: {}", record.target(), record.args()),
            );
        }
    }

    fn flush(&self) {}
}

fn send(level: i32, text: &str) {
    if let Ok(sink) = SINK.read()
        && let Some(sink) = sink.as_ref()
    {
        sink(level, text);
    }
}

/// Keep panics off the host's stderr: remember their place and text for the error message instead. Cheap to call again.
pub fn start() {
    START.call_once(|| {
        let previous = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            let text = match info.location() {
                Some(place) => format!(
                    "{} at {}:{}",
                    text_of(info.payload()),
                    place.file(),
                    place.line()
                ),
                None => text_of(info.payload()),
            };
            send(1, &format!("panic: {text}"));
            LAST_PANIC.with(|last| *last.borrow_mut() = Some(text));
            if cfg!(test) {
                previous(info);
            }
        }));
    });
}

/// The text of the panic that was just caught on this thread.
pub fn take_panic(payload: &(dyn std::any::Any + Send)) -> String {
    let text = LAST_PANIC.with(|last| last.borrow_mut().take());
    let text = text.unwrap_or_else(|| text_of(payload));
    text.lines().next().unwrap_or_default().to_string()
}

fn text_of(payload: &(dyn std::any::Any + Send)) -> String {
    if let Some(text) = payload.downcast_ref::<&str>() {
        (*text).to_string()
    } else if let Some(text) = payload.downcast_ref::<String>() {
        text.clone()
    } else {
        "no message".to_string()
    }
}

/// Send log lines up to `level` (0 none .. 5 trace) to `sink`; None stops them.
pub fn set_sink(sink: Option<Sink>, level: i32) {
    static FORWARD: Forward = Forward;
    // Fails only when a logger is there already, which is ours or the test harness's.
    let _ = log::set_logger(&FORWARD);
    let filter = match level {
        _ if sink.is_none() => LevelFilter::Off,
        i32::MIN..=0 => LevelFilter::Off,
        1 => LevelFilter::Error,
        2 => LevelFilter::Warn,
        3 => LevelFilter::Info,
        4 => LevelFilter::Debug,
        5.. => LevelFilter::Trace,
    };
    if let Ok(mut slot) = SINK.write() {
        *slot = sink;
    }
    log::set_max_level(filter);
}
