/**
 * The panel that shows the history of one document.
 */
import { Dialog, DOMUtils, showDialog } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import { Widget } from '@lumino/widgets';

import { type Block, blocksOfContent, blocksOfDifference } from '../history/blocks';
import { groupsOf, type IGroup, indexOf, singlesOf } from '../history/groups';
import { HistoryModel, type IHistoryRequests, type Mode } from '../history/model';
import { type IVersion, PROJECT } from '../services/history';

/** What a panel is made of. */
export interface IHistoryPanelOptions {
  requests: IHistoryRequests;
  /** The present path of the file. */
  pathOf: () => string;
  /** Whether the user may restore versions. */
  mayRestore: boolean;
  trans: TranslationBundle;
}

/** Versions at the left; at the right what the chosen one holds, or how it differs from now. */
export class HistoryPanel extends Widget {
  constructor({ requests, pathOf, mayRestore, trans }: IHistoryPanelOptions) {
    super();
    this.addClass('cc-History');
    this.trans = trans;
    this.mayRestore = mayRestore;
    this.model = new HistoryModel(requests, pathOf, () => {
      this.update();
    });
    this.list.setAttribute('role', 'listbox');
    this.list.setAttribute('aria-label', trans.__('Versions'));
    this.list.tabIndex = 0;
    this.list.addEventListener('keydown', event => {
      this.onKey(event);
    });
    this.problem.setAttribute('role', 'alert');
    this.modeButtons = new Map([
      ['version', this.modeButton('version', trans.__('Version'))],
      ['changes', this.modeButton('changes', trans.__('Changes since'))]
    ]);
    this.restoreButton = this.button(trans.__('Restore this version'), () => this.restore());
    if (!mayRestore) {
      this.restoreButton.title = trans.__('You may only read here.');
    }
    const refresh = this.button(trans.__('Refresh'), () => this.refresh());
    this.tools.append(...this.modeButtons.values(), this.restoreButton, refresh);
    this.detailButton = this.button(trans.__('All outputs'), () => this.toggleDetails());
    this.detailButton.title = trans.__('Show a version for each output of a run');
    const left = element('div', 'cc-History-versions');
    left.append(this.detailButton, this.list, this.more);
    const right = element('div', 'cc-History-version');
    right.append(this.tools, this.problem, this.view);
    this.node.append(left, right);
    this.more.addEventListener('click', () => void this.model.loadMore());
  }

  /** Look for new versions. */
  refresh(): Promise<void> {
    return this.model.refresh();
  }

  protected override onAfterShow(): void {
    void this.refresh();
  }

  protected override onUpdateRequest(): void {
    if (this.isDisposed) {
      return;
    }
    this.renderVersions();
    this.renderTools();
    this.problem.textContent = this.model.problem ?? '';
    this.problem.hidden = this.model.problem === null;
    this.renderShown();
  }

  private renderVersions(): void {
    const { versions, chosen, hasMore } = this.model;
    if (this.drawn !== versions) {
      this.drawn = versions;
      this.groups = this.isDetailed
        ? singlesOf(versions)
        : groupsOf(versions, ({ author }) => this.model.nameOf(author) === PROJECT);
      this.list.replaceChildren(...this.groups.map(group => this.renderGroup(group)));
    }
    const place = indexOf(this.groups, chosen);
    [...this.list.children].forEach((item, index) => {
      item.setAttribute('aria-selected', String(index === place));
      item.classList.toggle('cc-mod-chosen', index === place);
    });
    // The list has the focus; screen readers must be told which version the keys have reached.
    this.list.setAttribute('aria-activedescendant', this.list.children[place]?.id ?? '');
    this.detailButton.setAttribute('aria-pressed', String(this.isDetailed));
    this.detailButton.classList.toggle('cc-mod-pressed', this.isDetailed);
    this.detailButton.hidden = !this.isDetailed && this.groups.length === versions.length;
    this.more.textContent = this.trans.__('Older versions');
    this.more.hidden = !hasMore;
  }

  private renderGroup({ newest: version }: IGroup): HTMLElement {
    const item = element('div', 'cc-History-item');
    item.id = `${this.listId}-${version.version}`;
    item.setAttribute('role', 'option');
    const date = new Date(version.wall);
    const time = element('time', 'cc-History-time', date.toLocaleString());
    time.setAttribute('datetime', date.toISOString());
    const author = this.model.nameOf(version.author) ?? this.trans.__('unknown');
    item.append(time, element('span', 'cc-History-author', author));
    item.addEventListener('click', () => void this.model.choose(version.version));
    return item;
  }

  private toggleDetails(): Promise<void> {
    this.isDetailed = !this.isDetailed;
    this.drawn = null;
    this.update();
    return Promise.resolve();
  }

  private renderTools(): void {
    const { chosen, mode, versions } = this.model;
    const isNewest = chosen === (versions[0]?.version ?? null);
    this.restoreButton.disabled = chosen === null || isNewest || !this.mayRestore;
    for (const [wanted, button] of this.modeButtons) {
      button.setAttribute('aria-pressed', String(wanted === mode));
      button.classList.toggle('cc-mod-pressed', wanted === mode);
    }
  }

  private modeButton(wanted: Mode, label: string): HTMLButtonElement {
    return this.button(label, () => this.model.choose(this.model.chosen, wanted));
  }

  private button(label: string, act: () => Promise<unknown>): HTMLButtonElement {
    const button = element('button', 'jp-Button jp-mod-styled jp-mod-minimal', label);
    button.type = 'button';
    button.addEventListener('click', () => void act());
    return button;
  }

  private renderShown(): void {
    const { shown, versions } = this.model;
    if (this.shown === shown && shown !== null) {
      return;
    }
    this.shown = shown;
    if (shown === null) {
      const note = versions.length === 0 ? this.trans.__('There are no versions yet.') : '';
      this.view.replaceChildren(element('p', 'cc-History-note', note));
      return;
    }
    const words = this.trans.__.bind(this.trans);
    const blocks =
      shown.mode === 'version'
        ? blocksOfContent(shown.content, words)
        : blocksOfDifference(shown.difference, words);
    const nothing = element('p', 'cc-History-note', this.trans.__('Nothing has changed since.'));
    this.view.replaceChildren(...(blocks.length === 0 ? [nothing] : blocks.map(renderBlock)));
  }

  private async restore(): Promise<void> {
    const version = this.model.versions.find(each => each.version === this.model.chosen);
    const time = new Date(version?.wall ?? 0).toLocaleString();
    const answer = await showDialog({
      title: this.trans.__('Restore this version?'),
      body: this.trans.__(
        'The document becomes as it was on %1, for everybody. This makes a new version: all others stay.',
        time
      ),
      buttons: [
        Dialog.cancelButton({ label: this.trans.__('Cancel') }),
        Dialog.okButton({ label: this.trans.__('Restore') })
      ]
    });
    if (answer.button.accept) {
      await this.model.restore();
    }
  }

  private onKey(event: KeyboardEvent): void {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const place = indexOf(this.groups, this.model.chosen) + (step ?? 0);
    const next = this.groups[place];
    if (step !== undefined && next !== undefined) {
      event.preventDefault();
      void this.model.choose(next.newest.version);
      this.list.children[place]?.scrollIntoView({ block: 'nearest' });
    }
  }

  private readonly trans: TranslationBundle;
  private readonly mayRestore: boolean;
  private readonly model: HistoryModel;
  private readonly modeButtons: ReadonlyMap<Mode, HTMLButtonElement>;
  private readonly restoreButton: HTMLButtonElement;
  private readonly detailButton: HTMLButtonElement;
  private readonly listId = DOMUtils.createDomID();
  private groups: readonly IGroup[] = [];
  private isDetailed = false;
  private readonly list = element('div', 'cc-History-list');
  private readonly more = element('button', 'jp-Button jp-mod-styled jp-mod-minimal');
  private readonly tools = element('div', 'cc-History-tools');
  private readonly problem = element('p', 'cc-History-problem');
  private readonly view = element('div', 'cc-History-view');
  private drawn: readonly IVersion[] | null = null;
  private shown: HistoryModel['shown'] = null;
}

const SIGN_CLASSES: Record<string, string> = { '+': 'cc-mod-added', '-': 'cc-mod-removed' };

function renderBlock(block: Block): HTMLElement {
  switch (block.kind) {
    case 'heading':
      return element('h4', 'cc-History-heading', block.text);
    case 'text':
      return element('pre', `cc-History-text cc-mod-${block.role}`, block.text);
    case 'image': {
      const image = element('img', 'cc-History-image');
      image.src = block.url;
      image.alt = block.alt;
      return image;
    }
    case 'lines': {
      const lines = element('pre', 'cc-History-lines');
      lines.append(
        ...block.lines.map(({ sign, text }) =>
          element('div', SIGN_CLASSES[sign] ?? '', `${sign === '=' ? ' ' : sign} ${text}`)
        )
      );
      return lines;
    }
  }
}

/** Make an element; what is in it is always text, never markup. */
function element<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  className: string,
  text = ''
): HTMLElementTagNameMap[K] {
  const made = document.createElement(tag);
  made.className = className;
  made.textContent = text;
  return made;
}
