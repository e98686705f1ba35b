/**
 * Shows views of widgets whose models came later than the views.
 *
 * Outputs come through the document and models over the kernel's connection. While the code of a
 * widget package is still being loaded, models wait; the widget manager's renderer then says that
 * there is none, and would never look again.
 */
import type { ISessionContext } from '@jupyterlab/apputils';
import type { KernelMessage } from '@jupyterlab/services';
import type { IDisposable } from '@lumino/disposable';
import { Signal } from '@lumino/signaling';

const NOT_FOUND = 'Error displaying widget: model not found';

/** Models are made for a while after a kernel's states have come; each look waits twice as long. */
const LOOKS_AFTER_STATES = 7;
const LOOK_AFTER_MS = 50;

/** What is needed of a widget of the page. */
export interface IView {
  readonly node: { readonly textContent: string | null };
  children(): Iterable<IView>;
}

interface IOutputArea extends IView {
  readonly model: { readonly length: number; get(index: number): unknown };
  readonly widgets: readonly IView[];
}

interface IRenderer extends IView {
  renderModel(model: unknown): Promise<void>;
}

/** Looks again at the views of one notebook when its kernel opens models, or is another one. */
export class LateViews implements IDisposable {
  constructor(
    private readonly root: IView,
    session: Pick<ISessionContext, 'iopubMessage'>,
    private readonly defer: (look: () => void, afterMs: number) => void
  ) {
    session.iopubMessage.connect(this.onMessage, this);
  }

  /** Whether the object was disposed. */
  get isDisposed(): boolean {
    return this.disposed;
  }

  /** Stop looking. */
  dispose(): void {
    this.disposed = true;
    Signal.clearData(this);
  }

  private onMessage(_: unknown, message: KernelMessage.IMessage): void {
    // It is told when the message was handled: a model that was opened can be found now.
    if (message.header.msg_type === 'comm_open') {
      this.look(1);
    } else if (hasStates(message)) {
      this.look(LOOKS_AFTER_STATES);
    }
  }

  private look(times: number): void {
    this.looks = Math.max(this.looks, times);
    if (!this.waiting) {
      this.wait(LOOK_AFTER_MS);
    }
  }

  private wait(ms: number): void {
    this.waiting = true;
    this.defer(() => {
      this.waiting = false;
      this.looks -= 1;
      if (this.disposed || !this.root.node.textContent?.includes(NOT_FOUND)) {
        this.looks = 0;
        return;
      }
      showAgain(this.root);
      if (this.looks > 0) {
        this.wait(2 * ms);
      }
    }, ms);
  }

  private disposed = false;
  private waiting = false;
  private looks = 0;
}

/** Whether a message has the states of all widgets: the page has come to another kernel. */
function hasStates(message: KernelMessage.IMessage): boolean {
  const { data } = message.content as { data?: { method?: unknown } };
  return message.header.msg_type === 'comm_msg' && data?.method === 'update_states';
}

/** Render all views below ``root`` again that found no model. */
function showAgain(root: IView): void {
  if (isOutputArea(root)) {
    root.widgets.forEach((child, index) => {
      const renderer = failedRenderer(child);
      if (renderer !== null && index < root.model.length) {
        renderer.renderModel(root.model.get(index)).catch((error: unknown) => {
          console.error('A widget cannot be shown', error);
        });
      }
    });
  }
  for (const child of root.children()) {
    showAgain(child);
  }
}

function failedRenderer(view: IView): IRenderer | null {
  if (isRenderer(view)) {
    return view.node.textContent === NOT_FOUND ? view : null;
  }
  for (const child of view.children()) {
    const found = isOutputArea(child) ? null : failedRenderer(child);
    if (found !== null) {
      return found;
    }
  }
  return null;
}

function isOutputArea(view: IView): view is IOutputArea {
  const model = (view as Partial<IOutputArea>).model;
  return Array.isArray((view as Partial<IOutputArea>).widgets) && typeof model?.get === 'function';
}

function isRenderer(view: IView): view is IRenderer {
  return typeof (view as Partial<IRenderer>).renderModel === 'function';
}
