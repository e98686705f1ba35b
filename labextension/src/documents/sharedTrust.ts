/**
 * Makes a notebook's cells trusted in this browser when the server says that they are.
 *
 * The server sets `metadata.trusted` when it runs a cell, so that HTML and widgets show for
 * everybody. Stock cells read that key only while they are built.
 */
import type { CodeCellModel, ICellModel } from '@jupyterlab/cells';
import type { CellList, INotebookModel } from '@jupyterlab/notebook';
import type { IObservableList } from '@jupyterlab/observables';
import type { CellChange, ISharedCodeCell } from '@jupyter/ydoc';
import { Signal } from '@lumino/signaling';
import type { IDisposable } from '@lumino/disposable';

import { guardOutputs } from './outputGuard';

/**
 * Follows the trust of all code cells of one shared notebook.
 */
export class SharedTrust implements IDisposable {
  constructor(notebook: INotebookModel) {
    notebook.cells.changed.connect(this.onCellsChanged, this);
    for (const cell of notebook.cells) {
      this.adopt(cell);
    }
  }

  /** Whether the object was disposed. */
  get isDisposed(): boolean {
    return this.disposed;
  }

  /** Stop following; cells keep their trust. */
  dispose(): void {
    this.disposed = true;
    Signal.clearData(this);
  }

  private onCellsChanged(_: CellList, change: IObservableList.IChangedArgs<ICellModel>): void {
    for (const cell of change.newValues) {
      this.adopt(cell);
    }
  }

  private adopt(cell: ICellModel): void {
    if (!isCodeCell(cell) || this.adopted.has(cell)) {
      return;
    }
    this.adopted.add(cell);
    guardOutputs(cell);
    // Connected after the model's own slot: the outputs that this change clears are gone by then.
    cell.sharedModel.changed.connect(this.onSharedCellChanged, this);
    this.byShared.set(cell.sharedModel, cell);
    trustIfShared(cell);
  }

  private onSharedCellChanged(shared: ISharedCodeCell, change: CellChange): void {
    const cell = this.byShared.get(shared);
    if (change.metadataChange && cell) {
      trustIfShared(cell);
    }
  }

  private readonly adopted = new WeakSet<ICellModel>();
  private readonly byShared = new WeakMap<ISharedCodeCell, CodeCellModel>();
  private disposed = false;
}

function trustIfShared(cell: CodeCellModel): void {
  if (!cell.isDisposed && !cell.trusted && cell.getMetadata('trusted') === true) {
    cell.trusted = true;
  }
}

function isCodeCell(cell: ICellModel): cell is CodeCellModel {
  return cell.type === 'code';
}
