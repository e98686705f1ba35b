/**
 * The texts of this extension in the user's language.
 */
import { type ITranslator, nullTranslator, type TranslationBundle } from '@jupyterlab/translation';

/** Return the texts; they stay in English where nothing translates. */
export function translationFrom(translator: ITranslator | null): TranslationBundle {
  return (translator ?? nullTranslator).load('cocalc_jupyter');
}
