//! The byte pipe between the host's socket and hyper: plaintext, or TLS whose peer was judged.

use crate::error::{Code, Failure, WireError};
use crate::frames;
use crate::head;
use crate::limits;
use crate::tls::Verified;
use hyper::rt::{Read, ReadBufCursor, Write};
use rustls::ClientConnection;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{self, BufRead, IoSlice, Write as _};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

enum Transport {
    Tls(Box<ClientConnection>),
    Plain { inbound: VecDeque<u8>, outbound: Vec<u8> },
}

/// Looks at what hyper gets before hyper does.
enum Watch {
    None,
    Http1(head::Watch),
    Http2(frames::Watch),
}

impl Watch {
    fn pass(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        match self {
            Self::None => Ok(()),
            Self::Http1(watch) => watch.pass(bytes).map_err(|head::Malformed| {
                Failure::new(Code::Http1Protocol, "a line of the head that does not end in CRLF")
            }),
            Self::Http2(watch) => watch
                .pass(bytes)
                .map_err(|frames::TooMany| Failure::new(Code::Http2Protocol, "header blocks without end")),
        }
    }
}

pub struct Wire {
    transport: Transport,
    /// The peer ended its direction (for TLS: with or without close_notify).
    ended: bool,
    /// Set once; later reads and writes answer it.
    failure: Option<Failure>,
    /// Request bytes taken from hyper since the start.
    accepted: u64,
    /// Response bytes given to hyper since the start.
    delivered: u64,
    watch: Watch,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

impl Wire {
    /// Only a judged peer's connection can carry TLS requests.
    pub fn tls(verified: Verified) -> Self {
        Self::over(Transport::Tls(verified.into_inner()))
    }

    pub fn plain() -> Self {
        Self::over(Transport::Plain { inbound: VecDeque::new(), outbound: Vec::new() })
    }

    fn over(transport: Transport) -> Self {
        Self {
            transport,
            ended: false,
            failure: None,
            accepted: 0,
            delivered: 0,
            watch: Watch::None,
            reader: None,
            writer: None,
        }
    }

    /// What will pass.
    pub fn watch_heads(&mut self) {
        self.watch = Watch::Http1(head::Watch::default());
    }

    pub fn watch_frames(&mut self) {
        self.watch = Watch::Http2(frames::Watch::default());
    }

    /// A request leaves, so a response may come.
    pub fn expect_response(&mut self) {
        match &mut self.watch {
            Watch::None => {}
            Watch::Http1(watch) => watch.expect(),
            Watch::Http2(watch) => watch.expect(),
        }
    }

    pub fn is_going_away(&self) -> bool {
        matches!(&self.watch, Watch::Http2(watch) if watch.is_going_away())
    }

    pub fn accepted(&self) -> u64 {
        self.accepted
    }

    pub fn delivered(&self) -> u64 {
        self.delivered
    }

    pub fn failure(&self) -> Option<&Failure> {
        self.failure.as_ref()
    }

    /// Takes bytes from the socket, fewer when hyper has not read the last ones yet.
    pub fn feed(&mut self, input: &[u8]) -> usize {
        if self.ended || self.failure.is_some() {
            return input.len(); // Nobody will read them.
        }
        let taken = match &mut self.transport {
            Transport::Tls(tls) => {
                if !tls.wants_read() {
                    return 0;
                }
                let mut rest = input;
                let taken = tls.read_tls(&mut rest).unwrap_or(0);
                match tls.process_new_packets() {
                    Ok(state) => self.ended = state.peer_has_closed(),
                    Err(error) => self.failure = Some(Failure::from_tls(&error)),
                }
                taken
            }
            Transport::Plain { inbound, .. } => {
                let taken = input.len().min(limits::PLAIN_INBOUND_BYTES.saturating_sub(inbound.len()));
                inbound.extend(&input[..taken]);
                taken
            }
        };
        self.wake();
        taken
    }

    /// The socket's end: in order, or `broken` (then nothing that came before counts as a complete message).
    pub fn end(&mut self, broken: bool) {
        if let Transport::Tls(tls) = &mut self.transport {
            // Nothing to read and nothing to decrypt: this only tells rustls, which knows whether close_notify came.
            let _ = tls.read_tls(&mut io::empty());
        }
        if broken && !self.ended {
            self.failure.get_or_insert(Failure::new(Code::PeerTruncated, "the connection broke"));
        }
        self.ended = true;
        self.wake();
    }

    pub fn has_output(&self) -> bool {
        match &self.transport {
            Transport::Tls(tls) => tls.wants_write(),
            Transport::Plain { outbound, .. } => !outbound.is_empty(),
        }
    }

    /// Moves the bytes for the socket to the end of `out`.
    pub fn drain(&mut self, out: &mut Vec<u8>) {
        match &mut self.transport {
            Transport::Tls(tls) => while tls.wants_write() && tls.write_tls(out).unwrap_or(0) > 0 {},
            Transport::Plain { outbound, .. } => out.append(outbound),
        }
        if let Some(waker) = self.writer.take() {
            waker.wake();
        }
    }

    /// Says close_notify; the socket is the host's to close.
    pub fn shutdown(&mut self) {
        if let Transport::Tls(tls) = &mut self.transport {
            tls.send_close_notify();
        }
    }

    fn wake(&mut self) {
        if let Some(waker) = self.reader.take() {
            waker.wake();
        }
        if self.failure.is_some() {
            if let Some(waker) = self.writer.take() {
                waker.wake();
            }
        }
    }

    fn poll_read(&mut self, context: &mut Context<'_>, mut buffer: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        match &mut self.transport {
            Transport::Tls(tls) => match tls.reader().fill_buf() {
                Ok(chunk) => {
                    let count = chunk.len().min(buffer.remaining());
                    match self.watch.pass(&chunk[..count]) {
                        Ok(()) => {
                            buffer.put_slice(&chunk[..count]);
                            self.delivered += count as u64;
                            tls.reader().consume(count);
                            return Poll::Ready(Ok(()));
                        }
                        Err(malformed) => self.failure = Some(malformed),
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => {
                    let failure = Failure::new(Code::PeerTruncated, &error.to_string());
                    self.failure.get_or_insert(failure);
                }
            },
            Transport::Plain { inbound, .. } => {
                let (front, _) = inbound.as_slices();
                let count = front.len().min(buffer.remaining());
                if count > 0 || self.ended && self.failure.is_none() {
                    match self.watch.pass(&front[..count]) {
                        Ok(()) => {
                            buffer.put_slice(&front[..count]);
                            self.delivered += count as u64;
                            inbound.drain(..count);
                            return Poll::Ready(Ok(()));
                        }
                        Err(malformed) => self.failure = Some(malformed),
                    }
                }
            }
        }
        if let Some(failure) = &self.failure {
            return Poll::Ready(Err(WireError(failure.clone()).into()));
        }
        self.reader = Some(context.waker().clone());
        Poll::Pending
    }

    fn poll_write(&mut self, context: &mut Context<'_>, chunks: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        if let Some(failure) = &self.failure {
            return Poll::Ready(Err(WireError(failure.clone()).into()));
        }
        let written = match &mut self.transport {
            Transport::Tls(tls) => tls.writer().write_vectored(chunks)?,
            Transport::Plain { outbound, .. } => {
                let mut room = limits::OUTBOUND_BYTES.saturating_sub(outbound.len());
                let before = room;
                for chunk in chunks {
                    let count = chunk.len().min(room);
                    outbound.extend_from_slice(&chunk[..count]);
                    room -= count;
                }
                before - room
            }
        };
        if written == 0 && chunks.iter().any(|chunk| !chunk.is_empty()) {
            self.writer = Some(context.waker().clone());
            return Poll::Pending;
        }
        self.accepted += written as u64;
        Poll::Ready(Ok(written))
    }
}

/// hyper's end of the wire.
pub struct Io(pub Rc<RefCell<Wire>>);

impl Read for Io {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        self.0.borrow_mut().poll_read(context, buffer)
    }
}

impl Write for Io {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.0.borrow_mut().poll_write(context, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        chunks: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.0.borrow_mut().poll_write(context, chunks)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.borrow_mut().shutdown();
        Poll::Ready(Ok(()))
    }
}
