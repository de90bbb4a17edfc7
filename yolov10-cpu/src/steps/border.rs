//! The zeros around a map. Buffers share memory, so a step that writes a map writes its border, too.

use crate::layout::View;

/// The border of a map, cleared as one more task of the step that writes the map.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Border(View);

impl Border {
    /// `None` if a map has no border.
    pub fn of(view: View) -> Option<Border> {
        (view.border > 0).then_some(Border(view))
    }

    /// Writes the zeros.
    ///
    /// # Safety
    /// The view lies in `arena`, and nobody else touches its border.
    pub unsafe fn clear(&self, arena: *mut f32) {
        let Border(view) = *self;
        let side = view.border * view.block;
        let (plane, row) = ((view.height + 2 * view.border) * view.row_stride, view.row_stride);
        let before = view.border * row;
        for block in 0..view.blocks() {
            // SAFETY: `start` is the border's top left corner, and a plane has `plane` floats.
            unsafe {
                let start = arena.add(view.at(block, 0, 0) - before - side);
                start.write_bytes(0, before);
                start.add(plane - before).write_bytes(0, before);
                for edge in (before..plane - before).step_by(row) {
                    start.add(edge).write_bytes(0, side);
                    start.add(edge + row - side).write_bytes(0, side);
                }
            }
        }
    }
}
