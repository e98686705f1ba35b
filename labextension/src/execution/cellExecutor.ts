/**
 * JupyterLab's run commands, carried out by the project server.
 *
 * The browser asks and reports; it writes neither outputs nor execution states, so that a run goes
 * on, complete and once, whatever happens to the browser. Cells of notebooks that are not shared
 * through the server run as in stock JupyterLab.
 */
import { Notification } from '@jupyterlab/apputils';
import { type Cell, CodeCell } from '@jupyterlab/cells';
import type { IError } from '@jupyterlab/nbformat';
import {
  type INotebookCellExecutor,
  type INotebookModel,
  KernelError,
  runCell
} from '@jupyterlab/notebook';
import type { TranslationBundle } from '@jupyterlab/translation';

import { markEdits } from '../documents/edits';
import { docOf, roomIdOf } from '../documents/room';
import type { Outage } from '../services/outage';
import type { IEdits } from '../services/requests';
import type { IUserRights } from '../tokens';
import type { KernelStarter } from './kernelReadiness';
import { type CellOutcome, type IRunRequests, type IRunTarget, RunQueue } from './runQueue';
import { Slots } from './slots';

type RunCellOptions = INotebookCellExecutor.IRunCellOptions;
type SessionContext = NonNullable<RunCellOptions['sessionContext']>;

/** What an executor needs from its surroundings. */
export interface ICellExecutorOptions {
  requests: IRunRequests;
  rights: IUserRights;
  kernels: Pick<KernelStarter, 'ensure'>;
  outage: Pick<Outage, 'regain'>;
  trans: TranslationBundle;
}

/** A browser has six connections to a server, for all its pages. */
const WAITING_REQUESTS = 2;

/**
 * Runs code cells on the server, one queue per notebook.
 */
export class ServerCellExecutor implements INotebookCellExecutor {
  constructor(private readonly options: ICellExecutorOptions) {}

  /** Run a cell; resolves with whether it succeeded, once the server says so. */
  async runCell(options: RunCellOptions): Promise<boolean> {
    const { cell, notebook, sessionContext } = options;
    const roomId = roomIdOf(notebook.sharedModel);
    if (!(cell instanceof CodeCell) || !sessionContext || roomId === null) {
      return runCell(options);
    }
    if (!(await this.options.rights.ready).execute) {
      this.tellForbidden();
      return false;
    }
    const readiness = await this.options.kernels.ensure(sessionContext, options.sessionDialogs);
    if (readiness === 'ready') {
      return this.runCode(options, cell, this.queueOf(notebook, sessionContext, roomId));
    }
    if (readiness === 'none') {
      cell.model.sharedModel.transact(() => {
        cell.model.clearExecution();
      });
      return true;
    }
    return false;
  }

  /** Whether a cell runs because of this page. */
  hasStarted(cellId: string): boolean {
    return this.started.has(cellId);
  }

  private async runCode(
    options: RunCellOptions,
    cell: CodeCell,
    queue: RunQueue
  ): Promise<boolean> {
    cell.outputHidden = false;
    options.onCellExecutionScheduled({ cell });
    const cellId = cell.model.sharedModel.getId();
    this.started.add(cellId);
    const outcome = await queue.run(cellId);
    this.started.delete(cellId);
    if (cell.isDisposed) {
      return false;
    }
    if (outcome.state === 'ok') {
      options.onCellExecuted({ cell, success: true });
      return true;
    }
    const error = outcome.state === 'error' ? errorOf(cell, outcome) : null;
    options.onCellExecuted({ cell, success: false, error });
    return false;
  }

  private queueOf(
    notebook: INotebookModel,
    sessionContext: SessionContext,
    roomId: string
  ): RunQueue {
    const known = this.queues.get(notebook);
    if (known) {
      return known;
    }
    const queue = new RunQueue({
      requests: this.options.requests,
      target: () => this.targetOf(notebook, sessionContext, roomId),
      slots: this.slots,
      endOfTurn: () => sleep(0),
      sleep,
      regain: () => this.options.outage.regain(),
      onFailure: message => Notification.error(message, { autoClose: false }),
      trans: this.options.trans
    });
    this.queues.set(notebook, queue);
    notebook.sharedModel.disposed.connect(() => {
      queue.dispose();
    });
    return queue;
  }

  private targetOf(
    notebook: INotebookModel,
    sessionContext: SessionContext,
    roomId: string
  ): IRunTarget {
    const kernelId = sessionContext.session?.kernel?.id;
    if (kernelId === undefined) {
      const { trans } = this.options;
      throw new Error(trans.__('The notebook has lost its kernel. Select one and run again.'));
    }
    return { roomId, kernelId, edits: this.editsOf(notebook) };
  }

  private editsOf(notebook: INotebookModel): IEdits | null {
    // Nothing that a reader types arrives at the server; waiting for it would be in vain.
    return notebook.readOnly ? null : markEdits(docOf(notebook.sharedModel));
  }

  private tellForbidden(): void {
    Notification.error(this.options.trans.__('You may not run code in this project.'), {
      autoClose: 5000
    });
  }

  private readonly queues = new WeakMap<INotebookModel, RunQueue>();
  private readonly started = new Set<string>();
  private readonly slots = new Slots(WAITING_REQUESTS);
}

/** Return the cell's error output, or what the server said when that did not arrive yet. */
function errorOf(cell: Cell, outcome: CellOutcome & { state: 'error' | 'aborted' }): KernelError {
  const outputs = cell instanceof CodeCell ? cell.model.sharedModel.getOutputs() : [];
  const shown = outputs.find((output): output is IError => output.output_type === 'error');
  const { ename, evalue, traceback } = shown ?? { ename: 'Error', evalue: outcome.reason };
  return new KernelError({
    status: 'error',
    execution_count: null,
    ename,
    evalue,
    traceback: traceback ?? []
  } as unknown as ConstructorParameters<typeof KernelError>[0]);
}

function sleep(ms: number): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, ms));
}
