//! The identity of an architecture: a documented text form and its hash.

use std::fmt;
use std::str::FromStr;

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

use super::{Architecture, ArchitectureError, BLOCK_NAMES, BLOCKS, BranchWidths, StemWidths};

/// Name and version of the canonical form.
const FORM: &str = "googlenet/1";

/// The first 128 bits of SHA-256 over [`Architecture::canonical`]: equal on every platform and in every version.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ArchitectureKey([u8; 16]);

impl ArchitectureKey {
    pub(super) fn of(architecture: &Architecture) -> Self {
        let digest = Sha256::digest(architecture.canonical());
        let mut key = [0; 16];
        key.copy_from_slice(&digest[..16]);
        Self(key)
    }

    /// The 16 bytes, for use in other hashes.
    pub fn bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Display for ArchitectureKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&HEXLOWER.encode(&self.0))
    }
}

impl fmt::Debug for ArchitectureKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Architecture {
    /// One line that names every width:
    /// `googlenet/1 stem=64,64,192 3a=64,96,128,16,32,32 ... 5b=384,192,384,48,128,128 classes=2 aux=true`.
    ///
    /// The `/1` is the version of the form. Two architectures build the same network if and only if their forms are equal.
    pub fn canonical(&self) -> String {
        let stem = self.stem();
        let mut text = format!("{FORM} stem={},{},{}", stem.conv1, stem.conv2_reduce, stem.conv2);
        for (name, block) in BLOCK_NAMES.iter().zip(self.blocks()) {
            let widths = block.to_array().map(|width| width.to_string()).join(",");
            text.push_str(&format!(" {name}={widths}"));
        }
        text.push_str(&format!(" classes={} aux={}", self.classes(), self.aux_heads()));
        text
    }
}

/// Why a text is not the canonical form of an architecture.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// The form or its version is another one.
    #[error("expected a text that starts with `{FORM} `")]
    Form,
    /// A field is missing, misplaced or malformed.
    #[error("expected `{0}` with whole numbers behind the equals sign")]
    Field(&'static str),
    /// The numbers make no architecture.
    #[error(transparent)]
    Architecture(#[from] ArchitectureError),
}

impl FromStr for Architecture {
    type Err = ParseError;

    /// Reads the form that [`Architecture::canonical`] writes.
    fn from_str(text: &str) -> Result<Self, ParseError> {
        let mut fields = text.split(' ');
        if fields.next() != Some(FORM) {
            return Err(ParseError::Form);
        }
        let mut field = |name: &'static str| {
            let value =
                fields.next().and_then(|field| field.strip_prefix(name)).and_then(|rest| rest.strip_prefix('='));
            value.ok_or(ParseError::Field(name))
        };
        let [conv1, conv2_reduce, conv2] = numbers(field("stem")?).ok_or(ParseError::Field("stem"))?;
        let mut blocks = [BranchWidths::new([0; 6]); BLOCKS];
        for (name, block) in BLOCK_NAMES.into_iter().zip(&mut blocks) {
            *block = BranchWidths::new(numbers(field(name)?).ok_or(ParseError::Field(name))?);
        }
        let [classes] = numbers(field("classes")?).ok_or(ParseError::Field("classes"))?;
        let aux_heads = field("aux")?.parse().map_err(|_| ParseError::Field("aux"))?;
        if fields.next().is_some() {
            return Err(ParseError::Field("aux"));
        }
        Ok(Self::new(StemWidths { conv1, conv2_reduce, conv2 }, blocks, classes, aux_heads)?)
    }
}

/// Exactly `N` comma-separated whole numbers.
fn numbers<const N: usize>(text: &str) -> Option<[usize; N]> {
    let numbers: Vec<usize> = text.split(',').map(|number| number.parse().ok()).collect::<Option<_>>()?;
    numbers.try_into().ok()
}

impl TryFrom<String> for Architecture {
    type Error = ParseError;

    fn try_from(text: String) -> Result<Self, ParseError> {
        text.parse()
    }
}

impl From<Architecture> for String {
    fn from(architecture: Architecture) -> String {
        architecture.canonical()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn canonical_form_and_key_are_stable() {
        let googlenet = Architecture::googlenet(2, false).unwrap();
        assert_eq!(
            googlenet.canonical(),
            "googlenet/1 stem=64,64,192 3a=64,96,128,16,32,32 3b=128,128,192,32,96,64 4a=192,96,208,16,48,64 \
             4b=160,112,224,24,64,64 4c=128,128,256,24,64,64 4d=112,144,288,32,64,64 4e=256,160,320,32,128,128 \
             5a=256,160,320,32,128,128 5b=384,192,384,48,128,128 classes=2 aux=false"
        );
        // Seeds of trainings are made of it: with another key all of them would be others.
        assert_eq!(googlenet.key().to_string(), "800957ce5ff70aaab3f93d30ca8aebc7");
        assert_ne!(googlenet.key(), googlenet.clone().with_aux_heads(true).key());
    }

    #[test]
    fn the_canonical_form_reads_back() {
        for architecture in
            [Architecture::googlenet(1000, true).unwrap(), Architecture::googlenet_scaled(0.25, 2, false).unwrap()]
        {
            assert_eq!(architecture.canonical().parse(), Ok(architecture));
        }
    }

    #[test]
    fn malformed_forms_are_refused() {
        let good = Architecture::googlenet(2, false).unwrap().canonical();
        assert_eq!("resnet/1".parse::<Architecture>(), Err(ParseError::Form));
        assert_eq!(good.replace("/1", "/2").parse::<Architecture>(), Err(ParseError::Form));
        assert_eq!(good.replace("3b=128,", "3b=").parse::<Architecture>(), Err(ParseError::Field("3b")));
        assert_eq!(good.replace("aux=false", "aux=maybe").parse::<Architecture>(), Err(ParseError::Field("aux")));
        assert_eq!(format!("{good} x=1").parse::<Architecture>(), Err(ParseError::Field("aux")));
        assert!(good.replace("3a=64", "3a=0").parse::<Architecture>().is_err());
    }
}
