//! Counts. Comes in: what happened. Goes out: Prometheus text. Must not know: who did it; no label
//! carries an id or an address.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

macro_rules! metrics {
    ($($name:ident: $kind:ident, $text:literal, $help:literal;)*) => {
        /// All counters and gauges of one provider process.
        #[derive(Debug, Default)]
        pub struct Metrics {
            $(#[doc = $help] pub $name: metrics!(@type $kind),)*
        }

        impl Metrics {
            /// The Prometheus exposition format, version 0.0.4.
            pub fn render(&self) -> String {
                let mut out = String::new();
                $({
                    let value = self.$name.0.load(Ordering::Relaxed);
                    let _ = writeln!(
                        out,
                        "# HELP {0} {1}\n# TYPE {0} {2}\n{0} {value}",
                        $text, $help, stringify!($kind)
                    );
                })*
                out
            }
        }
    };
    (@type counter) => { Counter };
    (@type gauge) => { Gauge };
}

/// Only goes up.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// One more.
    pub fn one(&self) {
        self.add(1);
    }

    /// `more` more.
    pub fn add(&self, more: u64) {
        self.0.fetch_add(more, Ordering::Relaxed);
    }

    /// How many.
    pub fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Goes up and down.
#[derive(Debug, Default)]
pub struct Gauge(AtomicI64);

impl Gauge {
    /// Changes it.
    pub fn add(&self, change: i64) {
        self.0.fetch_add(change, Ordering::Relaxed);
    }

    /// Sets it.
    pub fn set(&self, value: usize) {
        self.0.store(i64::try_from(value).unwrap_or(i64::MAX), Ordering::Relaxed);
    }

    /// Its value.
    pub fn value(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

metrics! {
    connections: gauge, "strongroom_connections", "Connections open now.";
    connections_total: counter, "strongroom_connections_total", "Connections accepted.";
    connections_refused: counter, "strongroom_connections_refused_total",
        "Connections closed at once because too many were open.";
    connections_slow: counter, "strongroom_connections_slow_total",
        "Connections closed because they were idle or too slow.";
    requests: counter, "strongroom_requests_total", "Requests answered.";
    requests_refused: counter, "strongroom_requests_refused_total",
        "Requests answered with a client error.";
    requests_failed: counter, "strongroom_requests_failed_total",
        "Requests answered with a server error.";
    requests_unauthorized: counter, "strongroom_requests_unauthorized_total",
        "Requests without a valid session, signature or capability.";
    damage: counter, "strongroom_damage_total",
        "Requests that met damaged bytes in the store; its check names them.";
    panics: counter, "strongroom_panics_total", "Handlers that panicked.";
    sessions: gauge, "strongroom_sessions", "Sessions open now.";
    sessions_total: counter, "strongroom_sessions_total", "Sessions opened.";
    vaults_total: counter, "strongroom_vaults_opened_total", "Vaults opened.";
    buckets_total: counter, "strongroom_buckets_opened_total", "Buckets opened.";
    buckets_cached: gauge, "strongroom_buckets_cached", "Buckets held in memory.";
    entries_stored: counter, "strongroom_entries_stored_total", "Entries stored.";
    entries_sent: counter, "strongroom_entries_sent_total", "Entries given out.";
    chunks_stored: counter, "strongroom_chunks_stored_total", "Chunks stored.";
    chunks_sent: counter, "strongroom_chunks_sent_total", "Chunks given out.";
    chunks_collected: counter, "strongroom_chunks_collected_total",
        "Chunks dropped because nothing referred to them.";
    edv_vaults: counter, "strongroom_edv_vaults_opened_total", "EDV vaults opened.";
    edv_documents_stored: counter, "strongroom_edv_documents_stored_total",
        "EDV documents stored, indexed anew or deleted.";
    edv_documents_sent: counter, "strongroom_edv_documents_sent_total",
        "EDV documents given out.";
    edv_chunks_stored: counter, "strongroom_edv_chunks_stored_total", "EDV chunks stored.";
    edv_queries: counter, "strongroom_edv_queries_total", "EDV queries answered.";
    edv_denied: counter, "strongroom_edv_denied_total",
        "EDV requests without a valid signature or capability.";
    records_read: counter, "strongroom_records_read_total", "Recovery records given out.";
    bytes_in: counter, "strongroom_received_bytes_total", "Bytes received.";
    bytes_out: counter, "strongroom_sent_bytes_total", "Bytes sent.";
}
