/**
 * The status bar's word about the current document's connection.
 */
import type { TranslationBundle } from '@jupyterlab/translation';
import { type ISignal, Signal } from '@lumino/signaling';
import { Widget } from '@lumino/widgets';

import type { ConnectionState } from '../documents/connection';

/**
 * A text in the status bar; inactive for documents that are not shared through the server.
 */
export class ConnectionStatus extends Widget {
  constructor(private readonly trans: TranslationBundle) {
    super();
    this.addClass('cc-ConnectionStatus');
    this.addClass('jp-StatusBar-TextItem');
    this.node.setAttribute('role', 'status');
  }

  /** Emitted when the item appears or disappears. */
  get activeChanged(): ISignal<this, void> {
    return this._activeChanged;
  }

  /** Whether there is anything to say. */
  get isActive(): boolean {
    return this.state !== 'none';
  }

  /** Show the state of a document that the user may or may not edit. */
  setState(state: ConnectionState, mayWrite: boolean): void {
    const wasActive = this.isActive;
    this.state = state;
    this.setText(this.describe(state, mayWrite));
    this.toggleClass('cc-mod-warning', state === 'reconnecting' || state === 'ended');
    if (wasActive !== this.isActive) {
      this._activeChanged.emit();
    }
  }

  private setText(text: string): void {
    // Setting the same text again would make screen readers repeat it.
    if (this.node.textContent !== text) {
      this.node.textContent = text;
    }
  }

  private describe(state: ConnectionState, mayWrite: boolean): string {
    switch (state) {
      case 'none':
        return '';
      case 'connected':
        return mayWrite ? this.trans.__('Connected') : this.trans.__('Connected (read-only)');
      case 'reconnecting':
        return mayWrite
          ? this.trans.__('Reconnecting (edits are kept and will be sent)')
          : this.trans.__('Reconnecting');
      case 'ended':
        return this.trans.__('Disconnected (edits here are not saved; reload the page)');
    }
  }

  private readonly _activeChanged = new Signal<this, void>(this);
  private state: ConnectionState = 'none';
}
