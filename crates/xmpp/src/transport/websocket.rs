//! WebSocket framing, server's side ([RFC 6455 §5](https://www.rfc-editor.org/rfc/rfc6455#section-5)), by hand: the usual
//! libraries hold up to 128 KiB a connection.
//!
//! The HTTP upgrade is done before; no extension is negotiated. What the messages hold is not looked at here.

/// What a client's bytes begin with.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Received {
    /// Nothing whole yet: call again with the same bytes and more.
    More,
    /// A whole message, in `at..at + length` of the data; take `taken` bytes.
    Message { taken: usize, at: usize, length: usize },
    /// The end of a fragmented message, which [`Decoder::take_message`] has; take `taken` bytes.
    Assembled { taken: usize },
    /// A fragment that was kept, or a pong; take `taken` bytes.
    Nothing { taken: usize },
    /// A ping whose payload is in `at..at + length`; take `taken` bytes and answer (§5.5.2).
    Ping { taken: usize, at: usize, length: usize },
    /// The peer closes (§5.5.1).
    Close { taken: usize },
}

/// Why a frame is refused, as the status code of the answering close frame (§7.4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FrameError {
    /// 1002
    #[error("WebSocket protocol violated")]
    Protocol,
    /// 1003
    #[error("binary WebSocket message")]
    Binary,
    /// 1009
    #[error("WebSocket message too large")]
    TooLarge,
}

impl FrameError {
    pub(crate) fn code(self) -> u16 {
        match self {
            FrameError::Protocol => 1002,
            FrameError::Binary => 1003,
            FrameError::TooLarge => 1009,
        }
    }
}

const FIN: u8 = 0x80;
const RESERVED: u8 = 0x70;
const OPCODE: u8 = 0x0f;
const MASKED: u8 = 0x80;
const LENGTH: u8 = 0x7f;

const CONTINUATION: u8 = 0;
const TEXT: u8 = 1;
const BINARY: u8 = 2;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;

/// Fragments of one message; more are an attack on our patience.
const FRAGMENTS_MAX: u16 = 1024;

/// Reads frames and holds the fragments of a message.
#[derive(Debug, Default)]
pub(crate) struct Decoder {
    message: Vec<u8>,
    fragments: u16,
}

impl Decoder {
    /// Looks at `data`, which begins with the first byte not yet taken, and unmasks a whole frame in place. Messages of
    /// more than `limit` bytes are refused as soon as their length is known.
    pub(crate) fn decode(&mut self, data: &mut [u8], limit: usize) -> Result<Received, FrameError> {
        let [first, second, ..] = *data else {
            return Ok(Received::More);
        };
        let opcode = first & OPCODE;
        let is_final = first & FIN != 0;
        // No extension was negotiated, so reserved bits are errors (§5.2), as is a frame that is not masked (§5.1).
        if first & RESERVED != 0 || second & MASKED == 0 {
            return Err(FrameError::Protocol);
        }
        let is_control = opcode & 0x8 != 0;
        match opcode {
            CONTINUATION if self.fragments == 0 => return Err(FrameError::Protocol),
            TEXT if self.fragments != 0 => return Err(FrameError::Protocol),
            CONTINUATION | TEXT => {}
            BINARY => return Err(FrameError::Binary),
            CLOSE | PING | PONG if is_final && second & LENGTH <= 125 => {}
            _ => return Err(FrameError::Protocol),
        }
        let (length, mask_at) = match second & LENGTH {
            126 => {
                let Some(&[a, b]) = data.get(2..4) else {
                    return Ok(Received::More);
                };
                (u64::from(u16::from_be_bytes([a, b])), 4)
            }
            127 => {
                let Some(bytes) = data.get(2..10).and_then(|bytes| <[u8; 8]>::try_from(bytes).ok()) else {
                    return Ok(Received::More);
                };
                (u64::from_be_bytes(bytes), 10)
            }
            short => (u64::from(short), 2),
        };
        // The shortest form must be used (§5.2).
        if (mask_at == 4 && length < 126) || (mask_at == 10 && length <= 0xffff) {
            return Err(FrameError::Protocol);
        }
        let held = if is_control { 0 } else { self.message.len() };
        let length = usize::try_from(length).map_err(|_| FrameError::TooLarge)?;
        if length.saturating_add(held) > limit {
            return Err(FrameError::TooLarge);
        }
        let at = mask_at + 4;
        let taken = at + length;
        if data.len() < taken {
            return Ok(Received::More);
        }
        let mask = [
            data[mask_at],
            data[mask_at + 1],
            data[mask_at + 2],
            data[mask_at + 3],
        ];
        unmask(&mut data[at..taken], mask);
        Ok(match opcode {
            CLOSE => Received::Close { taken },
            PING => Received::Ping { taken, at, length },
            PONG => Received::Nothing { taken },
            TEXT if is_final => Received::Message { taken, at, length },
            _ => {
                self.fragments += 1;
                if self.fragments > FRAGMENTS_MAX {
                    return Err(FrameError::TooLarge);
                }
                self.message.extend_from_slice(&data[at..taken]);
                if is_final {
                    self.fragments = 0;
                    Received::Assembled { taken }
                } else {
                    Received::Nothing { taken }
                }
            }
        })
    }

    /// The message that [`Received::Assembled`] spoke of.
    pub(crate) fn take_message(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.message)
    }
}

/// §5.3
fn unmask(data: &mut [u8], mask: [u8; 4]) {
    let wide = u64::from_ne_bytes([
        mask[0], mask[1], mask[2], mask[3], mask[0], mask[1], mask[2], mask[3],
    ]);
    let mut chunks = data.chunks_exact_mut(8);
    for chunk in &mut chunks {
        let mut word = [0; 8];
        word.copy_from_slice(chunk);
        chunk.copy_from_slice(&(u64::from_ne_bytes(word) ^ wide).to_ne_bytes());
    }
    for (byte, mask) in chunks.into_remainder().iter_mut().zip(mask.iter().cycle()) {
        *byte ^= mask;
    }
}

/// Appends one text message whose content `write` appends.
pub(crate) fn write_message(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    write_frame(TEXT, out, write);
}

/// Appends the answer to a ping (§5.5.3).
pub(crate) fn write_pong(payload: &[u8], out: &mut Vec<u8>) {
    write_frame(PONG, out, |out| out.extend_from_slice(payload));
}

/// Appends a ping without payload (§5.5.2).
pub(crate) fn write_ping(out: &mut Vec<u8>) {
    write_frame(PING, out, |_| {});
}

/// Appends a close frame (§5.5.1).
pub(crate) fn write_close(code: u16, out: &mut Vec<u8>) {
    write_frame(CLOSE, out, |out| out.extend_from_slice(&code.to_be_bytes()));
}

/// The content is written behind room for the header of its probable length and moved where that was wrong.
fn write_frame(opcode: u8, out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    /// Two bytes and a 16-bit length: right for nearly every stanza.
    const ROOM: usize = 4;
    let start = out.len();
    out.extend_from_slice(&[0; ROOM]);
    write(out);
    let length = out.len() - start - ROOM;
    let mut header = [FIN | opcode, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let size = match (u16::try_from(length), length) {
        (_, 0..=125) => {
            header[1] = length as u8;
            2
        }
        (Ok(length), _) => {
            header[1] = 126;
            header[2..4].copy_from_slice(&length.to_be_bytes());
            4
        }
        (Err(_), _) => {
            header[1] = 127;
            header[2..10].copy_from_slice(&(length as u64).to_be_bytes());
            10
        }
    };
    if size != ROOM {
        out.resize(out.len().max(start + size + length), 0);
        out.copy_within(start + ROOM..start + ROOM + length, start + size);
        out.truncate(start + size + length);
    }
    out[start..start + size].copy_from_slice(&header[..size]);
}

#[cfg(test)]
mod tests;
