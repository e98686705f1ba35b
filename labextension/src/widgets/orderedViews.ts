/**
 * Shows views of widgets when all has been taken in that the kernel said before it showed them.
 *
 * Outputs come through the document and the states of models over the kernel's connection, where
 * they may have to wait until the code of a widget package is loaded. A view that overtakes them
 * would show a model as it was when it was made: an empty figure, or one without its toolbar.
 */
import type { ISessionContext } from '@jupyterlab/apputils';
import type { IRenderMime, IRenderMimeRegistry } from '@jupyterlab/rendermime';
import type { Kernel, KernelMessage } from '@jupyterlab/services';
import { PromiseDelegate } from '@lumino/coreutils';
import type { IDisposable } from '@lumino/disposable';
import { Signal } from '@lumino/signaling';

export const WIDGET_VIEW = 'application/vnd.jupyter.widget-view+json';

/** Of this target there is no comm: the answer comes after all that the kernel said before. */
export const CAUGHT_UP = 'cocalc.widgets.caught-up';

/** How long to wait for an answer: a server that does not know the target asks a busy kernel. */
const LIMIT_MS = 10_000;
const MAX_CLOSED = 10_000;

/** Orders the views that one notebook shows with the messages of its kernel. */
export class OrderedViews implements IDisposable {
  constructor(
    registry: Pick<IRenderMimeRegistry, 'createRenderer'>,
    private readonly session: Pick<ISessionContext, 'iopubMessage' | 'session'>
  ) {
    session.iopubMessage.connect(this.onMessage, this);
    const create = registry.createRenderer.bind(registry);
    registry.createRenderer = (mimeType, ...rest) => {
      const renderer = create(mimeType, ...rest);
      return mimeType === WIDGET_VIEW ? this.ordered(renderer) : renderer;
    };
  }

  /** Whether the object was disposed. */
  get isDisposed(): boolean {
    return this.disposed;
  }

  /** Follow the kernel no more. */
  dispose(): void {
    this.disposed = true;
    Signal.clearData(this);
  }

  private ordered(renderer: IRenderMime.IRenderer): IRenderMime.IRenderer {
    const render = renderer.renderModel.bind(renderer);
    renderer.renderModel = async model => {
      await this.caughtUp();
      if (renderer.isDisposed) {
        return;
      }
      if (this.closed.has(modelId(model))) {
        renderer.hide(); // as the widget manager does with a view whose model is closed
      } else {
        await render(model);
      }
    };
    return renderer;
  }

  /** Wait until all has been taken in that the kernel has said; views of one moment ask once. */
  private caughtUp(): Promise<void> {
    if (this.asked === null) {
      this.asked = this.ask();
      queueMicrotask(() => {
        this.asked = null;
      });
    }
    return this.asked;
  }

  private async ask(): Promise<void> {
    const kernel = this.session.session?.kernel;
    if (!kernel || kernel.connectionStatus !== 'connected') {
      return; // the widget manager asks for all states when there is a connection
    }
    const unanswered = new PromiseDelegate<void>();
    const timer = setTimeout(() => {
      unanswered.resolve();
    }, LIMIT_MS);
    const onReceived = (_: unknown, { msg, direction }: Kernel.IAnyMessageArgs): void => {
      if (direction === 'recv' && msg.header.msg_type === 'comm_info_reply') {
        clearTimeout(timer); // it comes to its turn after the messages before it
      }
    };
    kernel.anyMessage.connect(onReceived);
    try {
      await Promise.race([kernel.requestCommInfo({ target_name: CAUGHT_UP }), unanswered.promise]);
    } catch {
      // The kernel was restarted or has died: nothing comes that could be waited for.
    } finally {
      clearTimeout(timer);
      kernel.anyMessage.disconnect(onReceived);
    }
  }

  private onMessage(_: unknown, message: KernelMessage.IMessage): void {
    const id = String((message.content as { comm_id?: unknown }).comm_id);
    if (message.header.msg_type === 'comm_open') {
      this.closed.delete(id);
    } else if (message.header.msg_type === 'comm_close') {
      this.closed.add(id);
      for (const oldest of this.closed) {
        if (this.closed.size <= MAX_CLOSED) {
          break;
        }
        this.closed.delete(oldest);
      }
    }
  }

  private readonly closed = new Set<string>();
  private asked: Promise<void> | null = null;
  private disposed = false;
}

function modelId(model: IRenderMime.IMimeModel): string {
  const view = model.data[WIDGET_VIEW] as { model_id?: unknown } | undefined;
  return String(view?.model_id);
}
