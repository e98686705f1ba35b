/**
 * Keeps a browser from writing outputs back that it only displays again.
 *
 * A code cell model copies every change of its displayed outputs into the shared cell. Trusting a
 * cell rebuilds each displayed output, and the copy of that would reach the other browsers as
 * "delete, insert": twice when two browsers do it, and with the outputs of the previous run when
 * trust arrives together with the clearing of these. Content that did not change is no edit.
 */
import type { CodeCellModel } from '@jupyterlab/cells';
import type { IOutputAreaModel } from '@jupyterlab/outputarea';
import { JSONExt } from '@lumino/coreutils';

type Change = IOutputAreaModel.ChangedArgs;
type Slot = (sender: IOutputAreaModel, change: Change) => void;

/** Let through only those changes of the displayed outputs that change their content; idempotent. */
export function guardOutputs(model: CodeCellModel): void {
  // Protected in the type, but the only place where displayed outputs are written back.
  const write = (model as unknown as { onOutputsChange: Slot }).onOutputsChange;
  if (!model.outputs.changed.disconnect(write, model)) {
    // Guarded before, for another view of the same notebook.
    return;
  }
  model.outputs.changed.connect((sender, change) => {
    if (!isRebuilt(change)) {
      write.call(model, sender, change);
    }
  }, model);
}

function isRebuilt({ type, oldValues, newValues }: Change): boolean {
  const [before] = oldValues;
  const [after] = newValues;
  if (type !== 'set' || !before || !after || before === after) {
    return false;
  }
  return JSONExt.deepEqual(before.toJSON(), after.toJSON());
}
