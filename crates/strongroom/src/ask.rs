//! Questions. Comes in: a prompt. Goes out: what was typed, or what a file holds instead. Must not
//! know: what the answers open. Secrets wipe themselves and are never arguments.

use std::{
    fs::{File, OpenOptions},
    io::{self, IsTerminal, Read, Write},
    path::Path,
};

use strongroom_client::Passphrase;
use zeroize::Zeroizing;

use crate::{
    exit::{Exit, Failure},
    interrupt,
};

/// Bytes of a file with a secret. Longer ones are the wrong file.
const SECRET_FILE_LEN_MAX: u64 = 4_096;
/// The person's terminal, wherever the streams lead.
const TERMINAL: &str = "/dev/tty";

/// Whether a person sits there. Without a terminal on stdin or stderr nobody would see a prompt,
/// and a script would hang.
pub fn somebody_is_there() -> bool {
    (io::stdin().is_terminal() || io::stderr().is_terminal())
        && OpenOptions::new().read(true).write(true).open(TERMINAL).is_ok()
}

/// Asks without echo.
pub fn passphrase(prompt: &str) -> Result<Passphrase, Failure> {
    typed_blind(prompt).map(|text| Passphrase::new(String::clone(&text)))
}

/// Asks twice for a passphrase that is new.
pub fn new_passphrase() -> Result<Passphrase, Failure> {
    let first = typed_blind("New passphrase for this device: ")?;
    if first.is_empty() {
        return Err(Failure::usage("an empty passphrase protects nothing")
            .hint("a few random words are easy to type and hard to guess"));
    }
    let second = typed_blind("The same again: ")?;
    if *first != *second {
        return Err(Failure::usage("the two passphrases are not the same; nothing was made"));
    }
    Ok(Passphrase::new(String::clone(&first)))
}

/// Asks with echo, on the terminal even if stdin is something else. `None`: the input ended.
pub fn line(prompt: &str) -> Result<Option<Zeroizing<String>>, Failure> {
    read_line(&terminal()?, prompt).map_err(|error| Failure::io("the terminal", &error))
}

/// Says something in between questions.
pub fn tell(text: &str) -> Result<(), Failure> {
    let written = terminal()?.write_all(text.as_bytes());
    written.map_err(|error| Failure::io("the terminal", &error))
}

/// Reads a secret: the file's text without the newline at its end. `-`: stdin.
pub fn secret_file(path: &Path, what: &str) -> Result<Zeroizing<String>, Failure> {
    let failed = |error: io::Error| Failure::io(format!("{what} {}", path.display()), &error);
    let reader: Box<dyn Read> = if path.as_os_str() == "-" {
        Box::new(io::stdin().lock())
    } else {
        Box::new(File::open(path).map_err(failed)?)
    };
    let mut text = Zeroizing::new(String::with_capacity(SECRET_FILE_LEN_MAX as usize + 1));
    reader.take(SECRET_FILE_LEN_MAX + 1).read_to_string(&mut text).map_err(failed)?;
    if text.len() as u64 > SECRET_FILE_LEN_MAX {
        return Err(Failure::usage(format!(
            "{what} {} is longer than {SECRET_FILE_LEN_MAX} bytes: not the right file?",
            path.display()
        )));
    }
    let trimmed = text.strip_suffix('\n').unwrap_or(&text);
    let trimmed = trimmed.strip_suffix('\r').unwrap_or(trimmed);
    if trimmed.is_empty() {
        return Err(Failure::usage(format!("{what} {} is empty", path.display())));
    }
    Ok(Zeroizing::new(trimmed.to_owned()))
}

fn typed_blind(prompt: &str) -> Result<Zeroizing<String>, Failure> {
    let failed = |error: io::Error| Failure::io("the terminal", &error);
    let terminal = terminal()?;
    let typed = interrupt::without_echo(&terminal, || read_line(&terminal, prompt));
    match typed.map_err(failed)? {
        Some(line) => Ok(line),
        None => Err(Failure::new(Exit::Locked, "no passphrase was typed")),
    }
}

fn terminal() -> Result<File, Failure> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .open(TERMINAL)
        .map_err(|error| Failure::io("the terminal", &error))
}

/// One line without its end; `None` if the input ended before it. Byte by byte, because a buffer
/// of the standard library would keep a copy of the secret.
fn read_line(mut terminal: &File, prompt: &str) -> io::Result<Option<Zeroizing<String>>> {
    terminal.write_all(prompt.as_bytes())?;
    let mut line = Zeroizing::new(Vec::with_capacity(SECRET_FILE_LEN_MAX as usize));
    let mut byte = Zeroizing::new([0]);
    while (line.len() as u64) < SECRET_FILE_LEN_MAX {
        if terminal.read(&mut *byte)? == 0 {
            if line.is_empty() {
                return Ok(None);
            }
            break;
        }
        if byte[0] == b'\n' {
            break;
        }
        line.push(byte[0]);
    }
    let text = std::str::from_utf8(&line)
        .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "what was typed is not UTF-8"))?;
    Ok(Some(Zeroizing::new(text.to_owned())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Result<String, Exit> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        std::fs::write(&path, bytes).unwrap();
        match secret_file(&path, "the passphrase file") {
            Ok(secret) => Ok(secret.to_string()),
            Err(failure) => Err(failure.exit),
        }
    }

    #[test]
    fn one_newline_at_the_end_is_not_part_of_the_secret() {
        assert_eq!(read(b"correct horse\n"), Ok("correct horse".to_owned()));
        assert_eq!(read(b"correct horse\r\n"), Ok("correct horse".to_owned()));
        assert_eq!(read(b" spaces stay \n\n"), Ok(" spaces stay \n".to_owned()));
    }

    #[test]
    fn the_wrong_file_is_refused() {
        assert_eq!(read(b""), Err(Exit::Usage));
        assert_eq!(read(b"\n"), Err(Exit::Usage));
        assert_eq!(read(&[b'x'; 4_097]), Err(Exit::Usage));
        assert_eq!(read(b"\xff\xfe"), Err(Exit::General));
    }
}
