//! The graph, layer by layer: what feeds which, and the plan that results.

use super::{
    convolution::{At, Filter},
    layers::{IMAGE_CHANNELS, Kind, LAYERS, ONE_TO_MANY},
    plan::Plan,
    walk::Walk,
};
use crate::{error::Error, options::Heads, torch::Checkpoint};

/// Plans the conversion of `source`.
pub(crate) fn plan(source: &Checkpoint<'_>, heads: Heads) -> Result<Plan, Error> {
    check_layers(source)?;
    // Fusing for the one-to-one head drops the other one.
    let has_both = ONE_TO_MANY.iter().any(|head| source.has(head));
    let heads = if has_both { heads } else { Heads::OneToOne };
    let mut walk = Walk::new(source, heads);
    for (index, layer) in LAYERS.iter().enumerate() {
        let at = At { source: format!("model.{index}"), target: layer.target.to_owned() };
        let widths: Vec<usize> = layer.from.iter().map(|from| walk.plan.widths[*from]).collect();
        let inputs = if widths.is_empty() { IMAGE_CHANNELS } else { widths.iter().sum() };
        let outputs = match layer.kind {
            Kind::Conv => walk.conv(&at, inputs, Filter::dense(3)),
            Kind::C2f => walk.c2f(&at, inputs, layer.shortcut),
            Kind::ScDown => walk.sc_down(&at, inputs),
            Kind::Sppf => walk.sppf(&at, inputs),
            Kind::Psa => walk.psa(&at, inputs),
            Kind::Upsample | Kind::Concat => inputs,
            Kind::Head => walk.head(&at, &widths),
        };
        walk.plan.widths.push(outputs);
    }
    walk.finish()
}

/// Checks that the layers are those of YOLOv10, as far as the source names their classes.
fn check_layers(source: &Checkpoint<'_>) -> Result<(), Error> {
    if source.modules.is_empty() {
        return Ok(());
    }
    for index in 0.. {
        let found = source.modules.get(&format!("model.{index}")).map(|module| module.class.as_str());
        let expected = LAYERS.get(index).map_or(&[] as &[_], |layer| layer.kind.classes());
        match found {
            None if expected.is_empty() => break,
            Some(class) if expected.contains(&class) => {}
            _ => {
                return Err(Error::Module {
                    module: format!("layer {index}"),
                    expected: if expected.is_empty() { "nothing".to_owned() } else { expected.join(" or ") },
                    found: found.unwrap_or("missing").to_owned(),
                });
            }
        }
    }
    Ok(())
}
