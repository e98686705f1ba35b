import assert from 'node:assert/strict';
import { setImmediate } from 'node:timers/promises';
import { mock, test } from 'node:test';

import type { ISessionContext } from '@jupyterlab/apputils';
import type { IRenderMime, IRenderMimeRegistry } from '@jupyterlab/rendermime';
import { Signal } from '@lumino/signaling';

import { Deferred } from '../testing/fakes';
import { CAUGHT_UP, OrderedViews, WIDGET_VIEW } from './orderedViews';

class FakeRenderer {
  isDisposed = false;
  hidden = false;
  readonly rendered: string[] = [];

  renderModel(model: { data: Record<string, { model_id: string }> }): Promise<void> {
    this.rendered.push(model.data[WIDGET_VIEW]?.model_id ?? 'none');
    return Promise.resolve();
  }

  hide(): void {
    this.hidden = true;
  }
}

class FakeKernel {
  connectionStatus = 'connected';
  readonly anyMessage = new Signal<FakeKernel, object>(this);
  readonly asked: Deferred<void>[] = [];

  requestCommInfo(content: { target_name: string }): Promise<void> {
    assert.equal(content.target_name, CAUGHT_UP);
    const asked = new Deferred<void>();
    this.asked.push(asked);
    return asked.promise;
  }

  answer(): void {
    this.asked.forEach(asked => {
      asked.resolve();
    });
  }

  restart(): void {
    this.asked.forEach(asked => {
      asked.reject(new Error('Canceled future'));
    });
  }
}

class World {
  readonly kernel = new FakeKernel();
  readonly iopubMessage = new Signal<World, object>(this);
  readonly session: { kernel: FakeKernel | null } = { kernel: this.kernel };
  readonly registry = { createRenderer: () => new FakeRenderer() };
  readonly views = new OrderedViews(
    this.registry as unknown as IRenderMimeRegistry,
    this as unknown as ISessionContext
  );

  show(modelId: string, mimeType = WIDGET_VIEW): FakeRenderer {
    const registry = this.registry as unknown as IRenderMimeRegistry;
    const renderer = registry.createRenderer(mimeType);
    const model = { data: { [WIDGET_VIEW]: { model_id: modelId } } };
    void renderer.renderModel(model as unknown as IRenderMime.IMimeModel);
    return renderer as unknown as FakeRenderer;
  }

  say(kind: string, commId: string): void {
    this.iopubMessage.emit({ header: { msg_type: kind }, content: { comm_id: commId } });
  }
}

test('a view is rendered when all has come that the kernel said before', async () => {
  const world = new World();
  const view = world.show('m');
  await setImmediate();
  assert.deepEqual(view.rendered, []);

  world.kernel.answer();
  await setImmediate();

  assert.deepEqual(view.rendered, ['m']);
});

test('views of one moment ask once, and a later one asks again', async () => {
  const world = new World();
  world.show('m');
  world.show('n');
  await setImmediate();
  assert.equal(world.kernel.asked.length, 1);

  world.show('o');

  assert.equal(world.kernel.asked.length, 2);
  world.kernel.answer();
});

test('other outputs and views without a connection do not wait', async () => {
  const world = new World();
  const other = world.show('m', 'text/html');
  world.kernel.connectionStatus = 'connecting';
  const early = world.show('m');
  world.session.kernel = null;
  const restored = world.show('m');
  await setImmediate();

  assert.deepEqual([other, early, restored].map(each => each.rendered).flat(), ['m', 'm', 'm']);
  assert.equal(world.kernel.asked.length, 0);
});

test('a view whose model was closed meanwhile is hidden', async () => {
  const world = new World();
  world.say('comm_open', 'm');
  world.say('comm_close', 'm');
  world.say('comm_close', 'n');
  world.say('comm_open', 'n');
  const [closed, reopened] = [world.show('m'), world.show('n')];
  world.kernel.answer();
  await setImmediate();

  assert.ok(closed.hidden);
  assert.deepEqual(closed.rendered, []);
  assert.deepEqual(reopened.rendered, ['n']);
});

test('a view that was removed meanwhile is not rendered, and one of a dead kernel is', async () => {
  const world = new World();
  const removed = world.show('m');
  removed.isDisposed = true;
  world.kernel.answer();
  await setImmediate();
  const orphan = world.show('m');
  world.kernel.restart();
  await setImmediate();

  assert.deepEqual(removed.rendered, []);
  assert.deepEqual(orphan.rendered, ['m']);
});

test('nobody waits long for a server that does not answer, but for what is before it', async () => {
  mock.timers.enable({ apis: ['setTimeout'] });
  try {
    const world = new World();
    const unanswered = world.show('m');
    mock.timers.tick(10_000);
    await setImmediate();
    assert.deepEqual(unanswered.rendered, ['m']);

    const answered = world.show('n');
    const reply = { header: { msg_type: 'comm_info_reply' } };
    world.kernel.anyMessage.emit({ direction: 'recv', msg: reply });
    mock.timers.tick(60_000);
    await setImmediate();
    assert.deepEqual(answered.rendered, []);
    world.kernel.answer();
  } finally {
    mock.timers.reset();
  }
});

test('nothing is noted after the end', async () => {
  const world = new World();
  world.views.dispose();
  assert.ok(world.views.isDisposed);
  world.say('comm_close', 'm');
  const view = world.show('m');
  world.kernel.answer();
  await setImmediate();
  assert.deepEqual(view.rendered, ['m']);
});
