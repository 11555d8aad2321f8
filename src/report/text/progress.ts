/**
 * The line that says how far long work is. In: what is done, how much of it. Out: text in one language.
 */
import type { Work } from '../../net/progress.ts';
import type { Language } from './catalogue.ts';

const words: Readonly<Record<Language, Readonly<Record<Work, string>>>> = {
  en: {
    namespaces: 'reading namespaces',
    flows: 'walking flows',
    repairs: 'trying repairs',
    log: 'reading the log',
  },
  zh: {
    namespaces: '正在读取网络命名空间',
    flows: '正在推演各条流',
    repairs: '正在试验修复',
    log: '正在读取日志',
  },
};

/** `walking flows: 1200 of 3402`; without a total the number alone. */
export function progressText(
  language: Language,
  work: Work,
  done: number,
  total: number | undefined,
): string {
  const [mark, of] = language === 'zh' ? ['：', ' / '] : [': ', ' of '];
  return `${words[language][work]}${mark}${done}${total === undefined ? '' : `${of}${total}`}`;
}
