import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { CodeCellModel } from '@jupyterlab/cells';
import { Signal } from '@lumino/signaling';

import { guardOutputs } from './outputGuard';

interface IChange {
  type: string;
  oldValues: object[];
  newValues: object[];
}

/** A cell model whose write-backs are recorded. */
class RecordingModel {
  readonly outputs = { changed: new Signal<this, IChange>(this) };
  readonly written: IChange[] = [];

  constructor() {
    this.outputs.changed.connect(this.onOutputsChange, this);
  }

  onOutputsChange(_: unknown, change: IChange): void {
    this.written.push(change);
  }
}

function guarded(): RecordingModel {
  const model = new RecordingModel();
  guardOutputs(model as unknown as CodeCellModel);
  return model;
}

const output = (text: string) => ({ toJSON: () => ({ output_type: 'stream', text }) });

test('an output that is only rebuilt is not written back', () => {
  const model = guarded();
  const change = { type: 'set', oldValues: [output('a')], newValues: [output('a')] };
  model.outputs.changed.emit(change);
  assert.deepEqual(model.written, []);
});

test('an output with other content is written once', () => {
  const model = guarded();
  const change = { type: 'set', oldValues: [output('a')], newValues: [output('b')] };
  model.outputs.changed.emit(change);
  assert.deepEqual(model.written, [change]);
});

test('an output that changed in place is written, although it equals itself', () => {
  const model = guarded();
  const same = output('a');
  model.outputs.changed.emit({ type: 'set', oldValues: [same], newValues: [same] });
  assert.equal(model.written.length, 1);
});

test('adding and clearing outputs are edits like any other', () => {
  const model = guarded();
  model.outputs.changed.emit({ type: 'add', oldValues: [], newValues: [output('a')] });
  model.outputs.changed.emit({ type: 'clear', oldValues: [output('a')], newValues: [] });
  assert.deepEqual(
    model.written.map(({ type }) => type),
    ['add', 'clear']
  );
});

test('a model that is guarded for two views writes each edit once', () => {
  const model = guarded();
  guardOutputs(model as unknown as CodeCellModel);
  model.outputs.changed.emit({ type: 'add', oldValues: [], newValues: [output('a')] });
  assert.equal(model.written.length, 1);
});
