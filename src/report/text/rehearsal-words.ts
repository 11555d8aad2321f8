/**
 * The words of a rehearsal, in English and Chinese. In: the facts of a sentence. Out: the sentence. Rules, commands and outcomes' details
 * are never translated; nothing is decided here.
 */
import type { Obstacle, Verdict } from '../rehearsal.ts';
import type { Language } from './catalogue.ts';

export interface RehearsalWords {
  readonly built: (namespaces: string, rules: number, proxies: number) => string;
  /** While it goes on. */
  readonly rebuilding: string;
  readonly asking: (done: number, of: number) => string;
  readonly flow: string;
  readonly model: string;
  readonly kernel: string;
  /** Behind a row; undefined where there is nothing to say. */
  readonly verdict: Readonly<Record<Verdict, string | undefined>>;
  readonly notPut: string;
  readonly seen: (
    outcome: string,
    server: string | undefined,
    at: string | undefined,
    from: string | undefined,
  ) => string;
  readonly agree: (flows: number) => string;
  readonly differ: (wrong: number, flows: number) => string;
  readonly undecided: (unsure: number, flows: number) => string;
  readonly nothingAsked: string;
  readonly notAsBefore: string;
  readonly obstacle: Readonly<Record<Obstacle, string>>;
  readonly more: (count: number) => string;
  readonly repairOf: (cause: string) => string;
  readonly noCommand: string;
  readonly needs: (program: string) => string;
  readonly nothingToRepair: string;
  readonly promised: (outcome: string) => string;
  readonly held: (flows: number) => string;
  readonly notHeld: (broken: number, flows: number) => string;
}

function many(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}

const english: RehearsalWords = {
  built: (namespaces, rules, proxies) =>
    `rebuilt on this kernel: ${namespaces}; ${many(rules, 'rule')}, ${proxies === 1 ? '1 docker-proxy' : `${proxies} docker-proxies`}`,
  rebuilding: 'rebuilding the host',
  asking: (done, of) => `asking: ${done} of ${many(of, 'flow')}`,
  flow: 'flow',
  model: 'model',
  kernel: 'kernel',
  verdict: {
    exact: undefined,
    'same class': 'same but for timing',
    unknown: 'the model cannot decide',
    wrong: 'they differ',
    'not rebuilt': 'they differ by what could not be rebuilt',
    'not asked': undefined,
  },
  notPut: 'not asked',
  seen: (outcome, server, at, from) =>
    server === undefined ? outcome : `${outcome}, ${server} at ${at}, seen as ${from}`,
  agree: (flows) => `${many(flows, 'flow')}: the kernel did what the model says`,
  differ: (wrong, flows) =>
    `${wrong} of ${many(flows, 'flow')}: the kernel did otherwise than the model says`,
  undecided: (unsure, flows) =>
    `${unsure} of ${many(flows, 'flow')} cannot be decided; in the others the kernel did what the model says`,
  nothingAsked: 'no flow to ask: name some with --flows',
  notAsBefore: 'not as on the host',
  obstacle: {
    'stand-in': 'something plainer stands in for it',
    'not-allowed': 'not among the settings that a rehearsal makes',
    'needs-module': 'a kernel module is not loaded, and a rehearsal loads none',
    refused: 'refused here',
    'not-writable': 'cannot be written for the tool that would make it',
    'only-words': 'known in words only',
    'not-in-facts': 'the bundle does not say it',
  },
  more: (count) => `and ${count} more; --json has all`,
  repairOf: (cause) => `repair of ${cause}`,
  noCommand: 'no command repairs it: see the doctor for its configuration',
  needs: (program) => `not run: a rebuilt host has no ${program}`,
  nothingToRepair: 'the doctor finds nothing to repair',
  promised: (outcome) => `promised: ${outcome}`,
  held: (flows) => `${many(flows, 'broken flow')}: after the repair the kernel does what the doctor promised`,
  notHeld: (broken, flows) =>
    `${broken} of ${many(flows, 'broken flow')}: after the repair the kernel does otherwise than the doctor promised`,
};

const chinese: RehearsalWords = {
  built: (namespaces, rules, proxies) =>
    `已在本机内核上重建：${namespaces}；${rules} 条规则，${proxies} 个 docker-proxy`,
  rebuilding: '正在重建主机',
  asking: (done, of) => `正在询问：${done}/${of} 条流量`,
  flow: '流量',
  model: '模型',
  kernel: '内核',
  verdict: {
    exact: undefined,
    'same class': '只差在时序',
    unknown: '模型无法判定',
    wrong: '两者不一致',
    'not rebuilt': '不一致，原因在于未能重建的部分',
    'not asked': undefined,
  },
  notPut: '未询问',
  seen: (outcome, server, at, from) =>
    server === undefined ? outcome : `${outcome}，${server} 在 ${at} 应答，看到的来源是 ${from}`,
  agree: (flows) => `${flows} 条流量：内核的行为与模型一致`,
  differ: (wrong, flows) => `${flows} 条流量中有 ${wrong} 条：内核的行为与模型不一致`,
  undecided: (unsure, flows) => `${flows} 条流量中有 ${unsure} 条无法判定；其余的内核行为与模型一致`,
  nothingAsked: '没有可询问的流量：请用 --flows 指定',
  notAsBefore: '与原主机不同之处',
  obstacle: {
    'stand-in': '用更简单的东西代替',
    'not-allowed': '不在演练允许修改的设置之内',
    'needs-module': '所需内核模块未加载，演练不会加载模块',
    refused: '在此被拒绝',
    'not-writable': '无法写成相应工具能读的形式',
    'only-words': '只有文字描述',
    'not-in-facts': 'bundle 中没有说明',
  },
  more: (count) => `还有 ${count} 项；全部见 --json`,
  repairOf: (cause) => `${cause} 的修复`,
  noCommand: '没有命令可以修复：配置上的修复见 doctor',
  needs: (program) => `未执行：重建的主机上没有 ${program}`,
  nothingToRepair: 'doctor 没有发现需要修复的问题',
  promised: (outcome) => `预期：${outcome}`,
  held: (flows) => `${flows} 条中断的流量：修复后内核的行为与 doctor 的预期一致`,
  notHeld: (broken, flows) =>
    `${flows} 条中断的流量中有 ${broken} 条：修复后内核的行为与 doctor 的预期不一致`,
};

export const rehearsalWords: Readonly<Record<Language, RehearsalWords>> = { en: english, zh: chinese };
