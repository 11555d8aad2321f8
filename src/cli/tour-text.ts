/**
 * The tour's words, in English and Chinese. In: the facts of a sentence. Out: the sentence. Nothing is decided or printed here.
 */
import type { Language } from './terminal.ts';

export interface TourText {
  readonly title: string;
  readonly subtitle: string;
  readonly place: string;
  readonly hostIs: (address: string, gateway: string) => string;
  readonly outsideIs: (gateway: string, far: string) => string;
  readonly engine: (version: string) => string;
  readonly bridgeIs: (address: string, rules: number) => string;
  readonly onBridge: (address: string, published: string) => string;
  readonly onHost: string;
  readonly pings: (far: string) => string;
  readonly answers: string;
  readonly noAnswer: string;
  readonly bridge: string;
  readonly hostNetwork: string;
  readonly outsideSaw: string;
  readonly noWayBack: string;
  readonly doctor: string;
  readonly nothingFound: string;
  readonly applied: string;
  readonly hostsAddress: string;
  readonly end: string;
  readonly nextDoctor: string;
  readonly nextExplain: string;
  readonly nextLab: string;
  readonly failedUnexpectedly: (what: string) => string;
  readonly interrupted: string;
}

const english: TourText = {
  title: 'One line in daemon.json, and no container reaches the internet',
  subtitle: 'On this kernel, in namespaces that vanish with this program. Your network is not touched.',
  place: 'A host, an outside world, and a daemon.json',
  hostIs: (address, gateway) => `eth0 ${address}/24, default route via ${gateway}`,
  outsideIs: (gateway, far) => `${gateway} and ${far}; no route back to container networks`,
  engine: (version) => `Our engine brings up the default bridge, as Docker ${version} does`,
  bridgeIs: (address, rules) => `${address}, up, ${rules} rules`,
  onBridge: (address, published) => `container on the bridge: ${address}, publishes ${published}`,
  onHost: 'container with host networking',
  pings: (far) => `Real pings to ${far}`,
  answers: 'answered',
  noAnswer: 'no answer',
  bridge: 'bridge',
  hostNetwork: 'host networking',
  outsideSaw: 'inet saw',
  noWayBack: 'packets of web arrive, but no answer to that address finds a way back',
  doctor: 'The doctor looks at that host',
  nothingFound: 'the doctor found nothing wrong',
  applied: 'The repair, applied as one transaction',
  hostsAddress: "packets of web, now with the host's address",
  end: 'Nothing is left behind. On a real host:',
  nextDoctor: 'diagnose it; reads only',
  nextExplain: 'how this option becomes kernel state',
  nextLab: 'a place like this one that stays, to play in',
  failedUnexpectedly: (what) => `the tour did not go as it should: ${what}`,
  interrupted: 'interrupted; nothing is left behind',
};

const chinese: TourText = {
  title: 'daemon.json 里的一行配置，让所有容器都连不上外网',
  subtitle: '以下全部在本机内核的临时命名空间中真实运行，程序结束即消失，不会改动您的网络。',
  place: '一台主机、一个外部网络、一份 daemon.json',
  hostIs: (address, gateway) => `eth0 ${address}/24，默认路由经 ${gateway}`,
  outsideIs: (gateway, far) => `${gateway} 和 ${far}；没有回到容器网段的路由`,
  engine: (version) => `引擎按 Docker ${version} 的方式建立默认网桥`,
  bridgeIs: (address, rules) => `${address}，已启用，${rules} 条规则`,
  onBridge: (address, published) => `接在网桥上的容器：${address}，发布端口 ${published}`,
  onHost: '使用 host 网络的容器',
  pings: (far) => `真实地 ping ${far}`,
  answers: '有应答',
  noAnswer: '无应答',
  bridge: '网桥',
  hostNetwork: 'host 网络',
  outsideSaw: 'inet 看到',
  noWayBack: 'web 的包到达了，但发往该地址的应答没有回来的路',
  doctor: '诊断这台主机',
  nothingFound: '诊断没有发现问题',
  applied: '以一次事务实施修复',
  hostsAddress: 'web 的包，源地址已是主机地址',
  end: '没有留下任何东西。在真实主机上可以运行：',
  nextDoctor: '诊断，只读',
  nextExplain: '该选项如何变成内核状态',
  nextLab: '一个可以保留下来随意试验的环境',
  failedUnexpectedly: (what) => `演示没有按预期进行：${what}`,
  interrupted: '已中断；没有留下任何东西',
};

export const tourTexts: Readonly<Record<Language, TourText>> = { en: english, zh: chinese };
