//! One error type: a kind that callers branch on, and a line for people.

use std::fmt;
use std::io;
use std::path::Path;

use qdrant_edge::OperationError;

/// The order of vecferry's `ErrorKind`; the codes are part of the C interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub enum Kind {
    Usage = 1,
    NotFound = 2,
    Exists = 3,
    Unavailable = 4,
    Timeout = 5,
    Conflict = 6,
    Refused = 7,
    Incompatible = 8,
    Corrupt = 9,
    Io = 10,
    Cancelled = 11,
    Internal = 12,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    pub kind: Kind,
    pub message: String,
}

pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
        }
    }

    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Kind::Usage, message)
    }

    pub fn incompatible(message: impl Into<String>) -> Self {
        Self::new(Kind::Incompatible, message)
    }

    pub fn corrupt(message: impl Into<String>) -> Self {
        Self::new(Kind::Corrupt, message)
    }

    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(Kind::Internal, message)
    }

    /// An error of the operating system, with what was being done to which file.
    pub fn io(doing: &str, path: &Path, error: &io::Error) -> Self {
        let kind = if error.kind() == io::ErrorKind::NotFound {
            Kind::NotFound
        } else {
            Kind::Io
        };
        Self::new(
            kind,
            format!("cannot {doing} '{}': {error}", path.display()),
        )
    }

    /// Put what was being done in front of the message.
    #[must_use]
    pub fn doing(mut self, what: &str) -> Self {
        self.message = format!("{what}: {}", self.message);
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

impl From<OperationError> for Error {
    fn from(error: OperationError) -> Self {
        use OperationError as E;
        let kind = match &error {
            E::WrongVectorDimension { .. }
            | E::VectorNameNotExists { .. }
            | E::WrongSparse
            | E::WrongMulti => Kind::Incompatible,
            E::MalformedVectorBlob { .. }
            | E::MalformedPayloadBlob { .. }
            | E::TypeError { .. }
            | E::TypeInferenceError { .. }
            | E::ValidationError { .. }
            | E::MissingRangeIndexForOrderBy { .. }
            | E::MissingMapIndexForFacet { .. }
            | E::VariableTypeError { .. }
            | E::NonFiniteNumber { .. } => Kind::Usage,
            E::PointIdError { .. } => Kind::NotFound,
            E::InconsistentStorage { .. } | E::FileNotFound { .. } => Kind::Corrupt,
            E::OutOfMemory { .. } => Kind::Unavailable,
            E::Cancelled { .. } => Kind::Cancelled,
            E::Timeout { .. } => Kind::Timeout,
            // "Hardware, data corruption, IO, or other unexpected internal errors".
            E::ServiceError { .. } => Kind::Io,
            E::OutOfAppendableCapacity { .. } => Kind::Internal,
        };
        Self::new(kind, one_line(&error.to_string()))
    }
}

/// Messages are one line; some of the engine's carry a backtrace below the first.
fn one_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_those_of_the_header() {
        let header = include_str!("../include/vecferry_engine.h");
        for (name, kind) in [
            ("USAGE", Kind::Usage),
            ("NOT_FOUND", Kind::NotFound),
            ("EXISTS", Kind::Exists),
            ("UNAVAILABLE", Kind::Unavailable),
            ("TIMEOUT", Kind::Timeout),
            ("CONFLICT", Kind::Conflict),
            ("REFUSED", Kind::Refused),
            ("INCOMPATIBLE", Kind::Incompatible),
            ("CORRUPT", Kind::Corrupt),
            ("IO", Kind::Io),
            ("CANCELLED", Kind::Cancelled),
            ("INTERNAL", Kind::Internal),
        ] {
            let line = format!("VECFERRY_{name} = {}", kind as i32);
            assert!(header.contains(&line), "the header lacks: {line}");
        }
    }

    #[test]
    fn an_engine_error_keeps_its_first_line_and_finds_its_kind() {
        let error = Error::from(OperationError::service_error("first\nsecond"));
        assert_eq!(error.kind, Kind::Io);
        assert!(error.message.ends_with("first"), "{}", error.message);
        let error = Error::from(OperationError::WrongVectorDimension {
            expected_dim: 4,
            received_dim: 3,
        });
        assert_eq!(error.kind, Kind::Incompatible);
    }
}
