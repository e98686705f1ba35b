/**
 * A line above a document that says what is wrong with its file.
 */
import { Widget } from '@lumino/widgets';

/** Not there while all is well; takes the focus from nobody. */
export class ProblemBanner extends Widget {
  constructor() {
    super();
    this.addClass('cc-FileProblem');
    this.node.setAttribute('role', 'status');
    this.hide();
  }

  /** Say what is wrong, or nothing. */
  setProblem(problem: string | null): void {
    // Setting the same text again would make screen readers repeat it.
    if (this.node.textContent !== (problem ?? '')) {
      this.node.textContent = problem ?? '';
    }
    this.setHidden(problem === null);
  }
}
