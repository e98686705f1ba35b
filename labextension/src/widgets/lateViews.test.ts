import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { ISessionContext } from '@jupyterlab/apputils';
import { Signal } from '@lumino/signaling';

import { LateViews, type IView } from './lateViews';

class FakeView implements IView {
  constructor(
    readonly widgets: FakeView[] = [],
    public text = ''
  ) {}

  get node(): { textContent: string } {
    return { textContent: this.text + this.widgets.map(child => child.node.textContent).join('') };
  }

  children(): FakeView[] {
    return this.widgets;
  }
}

class FakeRenderer extends FakeView {
  readonly rendered: unknown[] = [];

  /** How often the model is still missing. */
  missing = 0;

  renderModel(model: unknown): Promise<void> {
    this.rendered.push(model);
    this.text = this.rendered.length > this.missing ? 'a slider' : LATE;
    return Promise.resolve();
  }
}

class FakeOutputArea extends FakeView {
  readonly model = { length: 9, get: (index: number): unknown => `output ${index}` };
}

class FakeSession {
  readonly iopubMessage = new Signal<FakeSession, object>(this);
  readonly due: (() => void)[] = [];

  follow(root: IView): LateViews {
    const session = this as unknown as ISessionContext;
    return new LateViews(root, session, look => this.due.push(look));
  }

  say(kind: string, method = ''): void {
    this.iopubMessage.emit({ header: { msg_type: kind }, content: { data: { method } } });
  }

  look(): void {
    for (const look of this.due.splice(0)) {
      look();
    }
  }
}

const LATE = 'Error displaying widget: model not found';

test('a view that found no model is rendered again when a model was opened', () => {
  const late = new FakeRenderer([], LATE);
  const shown = new FakeRenderer([], 'a button');
  const area = new FakeOutputArea([new FakeView([new FakeView(), shown]), new FakeView([late])]);
  const session = new FakeSession();
  session.follow(new FakeView([new FakeView([area])]));

  session.say('comm_msg');
  assert.equal(session.due.length, 0);
  session.say('comm_open');
  session.say('comm_open');
  assert.equal(session.due.length, 1);
  session.look();

  assert.deepEqual(late.rendered, ['output 1']);
  assert.deepEqual(shown.rendered, []);
  session.say('comm_open');
  session.look();
  assert.equal(late.rendered.length, 1);
});

test('a view inside of an output widget gets the output of that widget', () => {
  const late = new FakeRenderer([], LATE);
  const inner = new FakeOutputArea([new FakeView(), new FakeView([late])]);
  const session = new FakeSession();
  session.follow(new FakeOutputArea([new FakeView([new FakeRenderer([inner])])]));

  session.say('comm_open');
  session.look();

  assert.deepEqual(late.rendered, ['output 1']);
});

test('nothing is rendered after the end', () => {
  const late = new FakeRenderer([], LATE);
  const session = new FakeSession();
  const views = session.follow(new FakeOutputArea([new FakeView([late])]));

  session.say('comm_open');
  views.dispose();
  session.look();
  session.say('comm_open');

  assert.equal(session.due.length, 0);
  assert.deepEqual(late.rendered, []);
});

test('after the states of another kernel it looks until the models have been made', () => {
  const late = new FakeRenderer([], LATE);
  late.missing = 2;
  const session = new FakeSession();
  session.follow(new FakeOutputArea([new FakeView([late])]));

  session.say('comm_msg', 'update_states');
  session.say('comm_open');
  for (let looks = 0; looks < 5; looks += 1) {
    session.look();
  }

  assert.equal(late.rendered.length, 3);
  assert.equal(session.due.length, 0);
});

test('a view whose model never comes is not looked at for ever', () => {
  const late = new FakeRenderer([], LATE);
  late.missing = 100;
  const session = new FakeSession();
  session.follow(new FakeOutputArea([new FakeView([late])]));

  session.say('comm_msg', 'update_states');
  for (let looks = 0; looks < 20; looks += 1) {
    session.look();
  }

  assert.equal(late.rendered.length, 7);
  assert.equal(session.due.length, 0);
});
