use cacheme::{BoxError, Codec, Load, LoadContext, LoadResult};

struct Text;

impl Codec<String> for Text {
    const ID: u8 = 128;

    fn encode(value: &String, out: &mut Vec<u8>) -> Result<(), BoxError> {
        out.extend(value.bytes());
        Ok(())
    }

    fn decode(bytes: &[u8]) -> Result<String, BoxError> {
        Ok(String::from_utf8(bytes.to_vec())?)
    }

    fn fingerprint() -> Result<u64, BoxError> {
        Ok(0)
    }
}

#[cacheme::node(storage = "far", codec = Text)]
struct Id(u64);

impl Load for Id {
    type Value = u64;

    async fn load(&self, _cx: &LoadContext) -> LoadResult<u64> {
        Ok(self.0)
    }
}

fn main() {}
