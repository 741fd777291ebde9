//! The session tickets of one configuration.
//!
//! rustls' own store keeps 8 TLS 1.3 tickets for each name. A ticket is used once, so of 32 connections that open
//! together most would find none. This store keeps [`MAX_TICKETS`].

use rustls::client::{ClientSessionStore, Tls12ClientSessionValue, Tls13ClientSessionValue};
use rustls::pki_types::ServerName;
use rustls::NamedGroup;
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The number of names with tickets. A configuration belongs to one policy, which has one SNI.
const MAX_NAMES: usize = 8;
/// The number of tickets of one name. A ticket takes about 2 kB, as it holds the presented chain.
const MAX_TICKETS: usize = 64;

/// The store of one configuration. The entry changed last is at the end.
#[derive(Default)]
pub struct Sessions(Mutex<VecDeque<Entry>>);

struct Entry {
    name: ServerName<'static>,
    group: Option<NamedGroup>,
    tls12: Option<Tls12ClientSessionValue>,
    /// The newest ticket is the last one.
    tls13: VecDeque<Tls13ClientSessionValue>,
}

impl Sessions {
    fn entries(&self) -> MutexGuard<'_, VecDeque<Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn find<T>(&self, name: &ServerName<'_>, read: impl FnOnce(&mut Entry) -> Option<T>) -> Option<T> {
        self.entries().iter_mut().find(|entry| entry.name == *name).and_then(read)
    }

    /// Changes the entry of `name`, or makes one. Above [`MAX_NAMES`] the entry changed longest ago is dropped.
    fn update(&self, name: ServerName<'static>, change: impl FnOnce(&mut Entry)) {
        let mut entries = self.entries();
        let mut entry = match entries.iter().position(|entry| entry.name == name).and_then(|at| entries.remove(at)) {
            Some(entry) => entry,
            None => Entry { name, group: None, tls12: None, tls13: VecDeque::new() },
        };
        change(&mut entry);
        if entries.len() >= MAX_NAMES {
            entries.pop_front();
        }
        entries.push_back(entry);
    }
}

impl std::fmt::Debug for Sessions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sessions([redacted])")
    }
}

impl ClientSessionStore for Sessions {
    fn set_kx_hint(&self, server_name: ServerName<'static>, group: NamedGroup) {
        self.update(server_name, |entry| entry.group = Some(group));
    }

    fn kx_hint(&self, server_name: &ServerName<'_>) -> Option<NamedGroup> {
        self.find(server_name, |entry| entry.group)
    }

    fn set_tls12_session(&self, server_name: ServerName<'static>, value: Tls12ClientSessionValue) {
        self.update(server_name, |entry| entry.tls12 = Some(value));
    }

    fn tls12_session(&self, server_name: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        self.find(server_name, |entry| entry.tls12.clone())
    }

    fn remove_tls12_session(&self, server_name: &ServerName<'static>) {
        self.find(server_name, |entry| entry.tls12.take());
    }

    fn insert_tls13_ticket(&self, server_name: ServerName<'static>, value: Tls13ClientSessionValue) {
        self.update(server_name, |entry| {
            if entry.tls13.len() >= MAX_TICKETS {
                entry.tls13.pop_front();
            }
            entry.tls13.push_back(value);
        });
    }

    fn take_tls13_ticket(&self, server_name: &ServerName<'static>) -> Option<Tls13ClientSessionValue> {
        self.find(server_name, |entry| entry.tls13.pop_back())
    }
}
