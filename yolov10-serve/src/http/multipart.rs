//! Pictures sent as a form.

use bytes::Bytes;
use multer::{Multipart, parse_boundary};

use crate::problem::Problem;

/// A picture file, and its name in the answer.
pub(super) struct Sent {
    pub(super) name: String,
    pub(super) bytes: Bytes,
}

/// Every field of the form that is a file, whatever its name.
pub(super) async fn pictures(content_type: &str, body: Bytes) -> Result<Vec<Sent>, Problem> {
    let broken = |error: multer::Error| Problem::invalid(format_args!("not a form: {error}"));
    let boundary = parse_boundary(content_type).map_err(broken)?;
    let whole = tokio_stream::once(Ok::<_, std::convert::Infallible>(body));
    let mut form = Multipart::new(whole, boundary);
    let mut sent = Vec::new();
    while let Some(field) = form.next_field().await.map_err(broken)? {
        // A field without a file name may still be a picture, if its type says so.
        let is_picture = field.content_type().is_some_and(|kind| kind.type_() == "image");
        let name = field.file_name().map(ToOwned::to_owned);
        if name.is_none() && !is_picture {
            continue;
        }
        let name = name.unwrap_or_else(|| "image".to_owned());
        sent.push(Sent { name, bytes: field.bytes().await.map_err(broken)? });
    }
    Ok(sent)
}
