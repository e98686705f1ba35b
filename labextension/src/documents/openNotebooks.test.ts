import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { INotebookTracker, NotebookPanel } from '@jupyterlab/notebook';
import { PromiseDelegate } from '@lumino/coreutils';
import { Signal } from '@lumino/signaling';

import { followNotebooks, followReadyNotebooks } from './openNotebooks';

class Tracker {
  readonly panels: NotebookPanel[] = [];
  readonly widgetAdded = new Signal<this, NotebookPanel>(this);

  forEach(call: (panel: NotebookPanel) => void): void {
    this.panels.forEach(call);
  }
}

class Panel {
  readonly opening = new PromiseDelegate<void>();
  readonly context = { ready: this.opening.promise };
  isDisposed = false;

  get asPanel(): NotebookPanel {
    return this as unknown as NotebookPanel;
  }
}

test('notebooks are followed that are open, and those that are opened later', () => {
  const tracker = new Tracker();
  const [first, second] = [new Panel().asPanel, new Panel().asPanel];
  tracker.panels.push(first);
  const followed: NotebookPanel[] = [];

  followNotebooks(tracker as unknown as INotebookTracker, panel => followed.push(panel));
  tracker.widgetAdded.emit(second);

  assert.deepEqual(followed, [first, second]);
});

test('a notebook is followed once its content is there, unless it was closed before', async () => {
  const tracker = new Tracker();
  const [closed, shown] = [new Panel(), new Panel()];
  tracker.panels.push(closed.asPanel, shown.asPanel);
  const followed: NotebookPanel[] = [];

  followReadyNotebooks(tracker as unknown as INotebookTracker, panel => followed.push(panel));
  assert.deepEqual(followed, []);
  closed.isDisposed = true;
  closed.opening.resolve();
  shown.opening.resolve();
  await Promise.all([closed.context.ready, shown.context.ready]);

  assert.deepEqual(followed, [shown.asPanel]);
});
