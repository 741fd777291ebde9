//! Session tickets of one configuration, bounded.
//!
//! rustls' own memory store keeps 8 TLS 1.3 tickets a name. Each is used once, so 32 connections opened at a time
//! found a ticket only now and then; this one keeps [`MAX_TICKETS`].

use rustls::client::{ClientSessionStore, Tls12ClientSessionValue, Tls13ClientSessionValue};
use rustls::pki_types::ServerName;
use rustls::NamedGroup;
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A configuration belongs to one policy, which has one SNI; a few more do no harm.
const MAX_NAMES: usize = 8;
/// Tickets of one name, about 2 kB each with the chain they remember.
const MAX_TICKETS: usize = 64;

#[derive(Default)]
pub struct Sessions(Mutex<VecDeque<Entry>>);

struct Entry {
    name: ServerName<'static>,
    group: Option<NamedGroup>,
    tls12: Option<Tls12ClientSessionValue>,
    /// Newest last.
    tls13: VecDeque<Tls13ClientSessionValue>,
}

impl Sessions {
    fn entries(&self) -> MutexGuard<'_, VecDeque<Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn find<T>(&self, name: &ServerName<'_>, use_it: impl FnOnce(&mut Entry) -> Option<T>) -> Option<T> {
        self.entries().iter_mut().find(|entry| entry.name == *name).and_then(use_it)
    }

    /// Changes the entry of `name`, made when it is new; the name used least lately makes room.
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
