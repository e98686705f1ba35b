/**
 * Making sure that a notebook has a kernel before its cells are sent to the server.
 */
import {
  Dialog,
  type ISessionContext,
  type ISessionContextDialogs,
  showDialog
} from '@jupyterlab/apputils';
import type { Session } from '@jupyterlab/services';
import type { TranslationBundle } from '@jupyterlab/translation';

import { runningSessionOf } from './runningKernel';

/** What is known about a notebook's kernel; `terminating` was told to the user. */
export type KernelReadiness = 'ready' | 'none' | 'terminating';

/**
 * Starts kernels on demand, with one dialog for all cells that wait for the same notebook.
 */
export class KernelStarter {
  constructor(private readonly trans: TranslationBundle) {}

  /** Return whether there is a kernel, after asking the user for one if necessary. */
  ensure(
    context: ISessionContext,
    dialogs: ISessionContextDialogs | undefined
  ): Promise<KernelReadiness> {
    const pending = this.pending.get(context) ?? this.start(context, dialogs);
    this.pending.set(context, pending);
    return pending.finally(() => this.pending.delete(context));
  }

  /**
   * Use the kernel that another participant has started meanwhile, if there is one.
   *
   * A page whose kernel went with the server has none until somebody starts one.
   */
  join(context: ISessionContext): void {
    const isIdle = context.isReady && !context.isTerminating && !this.pending.has(context);
    if (isIdle && context.hasNoKernel) {
      joinRunning(context);
    }
  }

  private async start(
    context: ISessionContext,
    dialogs: ISessionContextDialogs | undefined
  ): Promise<KernelReadiness> {
    if (context.isTerminating) {
      await this.tellTerminating(context);
      return 'terminating';
    }
    if (context.session?.kernel?.connectionStatus !== 'connected') {
      // The server may have been restarted; Lab would take minutes to notice that.
      await context.sessionManager.refreshRunning();
    }
    if (context.hasNoKernel && !joinRunning(context)) {
      if ((await context.startKernel()) && dialogs) {
        await dialogs.selectKernel(context);
      }
    }
    if (!context.hasNoKernel && !context.session?.kernel) {
      await context.ready;
    }
    return context.session?.kernel ? 'ready' : 'none';
  }

  private async tellTerminating(context: ISessionContext): Promise<void> {
    await showDialog({
      title: this.trans.__('Kernel Terminating'),
      body: this.trans.__(
        'The kernel for %1 appears to be terminating. You can not run any cell for now.',
        context.session?.path
      ),
      buttons: [Dialog.okButton()]
    });
  }

  private readonly pending = new WeakMap<ISessionContext, Promise<KernelReadiness>>();
}

/** The part of a session context that its interface hides. */
interface ITakesSessions {
  _handleNewSession(session: Session.ISessionConnection): unknown;
}

/** Use the session that another participant has started for the notebook, if there is one. */
function joinRunning(context: ISessionContext): boolean {
  const model = runningSessionOf(context.sessionManager.running(), context.path);
  if (model !== null) {
    // `changeKernel` would make a second session, which does not follow when the kernel of the
    // first is changed; a context connects to a session by itself only when it is opened.
    const session = context.sessionManager.connectTo({ model });
    (context as unknown as ITakesSessions)._handleNewSession(session);
  }
  return model !== null;
}
