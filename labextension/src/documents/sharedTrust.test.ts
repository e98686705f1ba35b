import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { INotebookModel } from '@jupyterlab/notebook';
import { Signal } from '@lumino/signaling';

import { SharedTrust } from './sharedTrust';

class FakeCell {
  readonly sharedModel = new FakeSharedCell();
  readonly outputs = { changed: new Signal<FakeCell, object>(this) };
  trusted = false;
  isDisposed = false;

  constructor(readonly type = 'code') {}

  onOutputsChange(): void {
    return;
  }

  getMetadata(key: string): unknown {
    return this.sharedModel.metadata[key];
  }
}

class FakeSharedCell {
  readonly changed = new Signal<this, object>(this);
  metadata: Record<string, unknown> = {};

  setTrusted(value: boolean): void {
    this.metadata = { trusted: value };
    this.changed.emit({ metadataChange: new Map([['trusted', {}]]) });
  }
}

class FakeNotebook {
  readonly cells = Object.assign([new FakeCell(), new FakeCell('markdown')], {
    changed: new Signal<FakeNotebook, { newValues: FakeCell[] }>(this)
  });

  follow(): SharedTrust {
    return new SharedTrust(this as unknown as INotebookModel);
  }

  get first(): FakeCell {
    return this.cells[0] ?? assert.fail('there is a first cell');
  }

  append(cell: FakeCell): void {
    this.cells.changed.emit({ newValues: [cell] });
  }
}

test('a cell is trusted as soon as the shared cell is', () => {
  const notebook = new FakeNotebook();
  notebook.follow();
  assert.equal(notebook.first.trusted, false);
  notebook.first.sharedModel.setTrusted(true);
  assert.equal(notebook.first.trusted, true);
});

test('a cell that was trusted before the notebook was opened is trusted', () => {
  const notebook = new FakeNotebook();
  notebook.first.sharedModel.metadata = { trusted: true };
  notebook.follow();
  assert.equal(notebook.first.trusted, true);
});

test('a cell that is added later is followed too', () => {
  const notebook = new FakeNotebook();
  notebook.follow();
  const cell = new FakeCell();
  notebook.append(cell);
  cell.sharedModel.setTrusted(true);
  assert.equal(cell.trusted, true);
});

test('only the value true gives trust', () => {
  const notebook = new FakeNotebook();
  notebook.follow();
  notebook.first.sharedModel.metadata = { trusted: 'yes' };
  notebook.first.sharedModel.changed.emit({ metadataChange: new Map() });
  assert.equal(notebook.first.trusted, false);
});

test('a cell that was deleted is left alone', () => {
  const notebook = new FakeNotebook();
  notebook.follow();
  notebook.first.isDisposed = true;
  notebook.first.sharedModel.setTrusted(true);
  assert.equal(notebook.first.trusted, false);
});

test('after disposal nothing is followed', () => {
  const notebook = new FakeNotebook();
  const trust = notebook.follow();
  trust.dispose();
  trust.dispose();
  notebook.first.sharedModel.setTrusted(true);
  assert.equal(trust.isDisposed, true);
  assert.equal(notebook.first.trusted, false);
});
