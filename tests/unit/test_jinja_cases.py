#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""test_jinja_cases.py > test_jinja_cases.jsonl: what Jinja2 itself makes of small templates, in the
environment that chat templates are written for (sandboxed, trim_blocks, lstrip_blocks, loop controls,
a tojson of its own). Needs the Python package jinja2; the test only needs the file."""
import datetime
import json
import sys

import jinja2
import jinja2.ext
import jinja2.sandbox

# One template a line; lines without a tag are also cut into one template per printed expression.
LINES = r'''
{{ 1 + 2 * 3 }}|{{ 7 // 2 }}|{{ -7 // 2 }}|{{ 7 % -3 }}|{{ 2 ** 10 }}|{{ 2**-1 }}|{{ 7 / 2 }}|{{ 1e16 }}|{{ 1.5e300 }}|{{ 0.1+0.2 }}|{{ 1e-5 }}|{{ 100000.0 }}
{{ 2**3**2 }}|{{ -2**2 }}|{{ (1,) }}|{{ () }}|{{ [1,'a',None,True,1.0] }}|{{ {'a':1,'b':[2]} }}|{{ "it's" }}|{{ ["it's", 'a"b', 'both\'"'] }}
{{ 'abc'[1] }}|{{ 'abc'[-1] }}|{{ 'abc'[1:] }}|{{ 'abcdef'[::2] }}|{{ 'abcdef'[::-1] }}|{{ 'abcdef'[4:1:-1] }}|{{ [1,2,3][-2:] }}|{{ 'abc'[10] }}|{{ 'héllo'[1] }}
{{ 'a' ~ 1 ~ none ~ true ~ 1.0 }}|{{ x }}
{{ x is defined }}|{{ s is string }}|{{ 1 is number }}|{{ true is number }}|{{ true is integer }}|{{ 1.0 is float }}|{{ m is mapping }}|{{ l is sequence }}|{{ s is iterable }}|{{ x is iterable }}|{{ none is none }}
{{ 3 is odd }}|{{ 4 is even }}|{{ 9 is divisibleby 3 }}|{{ 1 is in [1,2] }}|{{ 'a' in 'abc' }}|{{ 'z' not in 'abc' }}|{{ 1 < 2 < 3 }}|{{ 1 < 2 > 3 }}|{{ 1 == 1.0 }}|{{ true == 1 }}|{{ 'a' < 'b' }}
{{ m.a }}|{{ m['a'] }}|{{ m.items()|list }}|{{ m.keys()|list }}|{{ m.get('q') }}|{{ m.get('q', 5) }}|{{ m|length }}|{{ m|dictsort }}|{{ m.values()|list }}
{{ s|upper }}|{{ s|title }}|{{ s|capitalize }}|{{ 'ﬁx ß'|upper }}|{{ 'ΑΣ'|lower }}|{{ 'ǆ'|capitalize }}|{{ "they're bill's"|title }}|{{ "they're bill's".title() }}|{{ 'x-y (abc) [d]'|title }}
{{ '  x '|trim }}|{{ 'xxaxx'|trim('x') }}|{{ '  x '.strip() }}|{{ '\u00a0x\u3000'|trim }}|{{ 'a,b,,c'.split(',') }}|{{ ' a  b '.split() }}|{{ 'a b c d'.split(' ', 2) }}|{{ 'a b c d'.rsplit(' ', 1) }}|{{ 'a  b  c'.split(none, 1) }}|{{ '  a  b  c  '.rsplit(none, 1) }}|{{ ' a b '.split(none,0) }}
{{ 'abc'.startswith('ab') }}|{{ 'abc'.startswith(('x','a')) }}|{{ 'abc'.endswith('bc') }}|{{ 'abcabc'.find('c') }}|{{ 'abcabc'.rfind('c') }}|{{ 'aaa'.count('a') }}|{{ 'aaa'.replace('a','b',2) }}|{{ 'abc'.replace('','-') }}|{{ 'TestX'.removeprefix('Test') }}|{{ 'x.y'.partition('.') }}|{{ 'abc'.startswith('b', 1) }}
{{ [3,1,2]|sort }}|{{ ['b','A','c']|sort }}|{{ ['b','A','c']|sort(case_sensitive=true) }}|{{ [3,1,2]|sort(reverse=true) }}|{{ [1,2,3,4,5]|batch(2)|list }}|{{ [1,2,3,4,5]|slice(2)|list }}|{{ [1,1,2]|unique|list }}|{{ [1,2,3]|sum }}|{{ [1,5,3]|max }}|{{ []|max }}|{{ 'abc'|reverse }}|{{ [1,2]|reverse|list }}
{{ msgs|map(attribute='role')|list }}|{{ msgs|selectattr('role','equalto','user')|list|length }}|{{ msgs|rejectattr('role','equalto','user')|map(attribute='content')|join(', ') }}|{{ [1,2,3]|select('odd')|list }}|{{ [1,2,3]|reject('odd')|list }}|{{ ['a','b']|map('upper')|join }}|{{ msgs|map(attribute='zip', default='-')|list }}
{{ m|tojson }}|{{ m|tojson(indent=2) }}|{{ 'a"\n\t\u0001é🙂/<'|tojson }}|{{ 'é🙂\x7f'|tojson(ensure_ascii=true) }}|{{ [1.0,1e20,none,true]|tojson }}|{{ {'b':1,'a':2}|tojson(sort_keys=true) }}|{{ {'b':1,'a':[]}|tojson(separators=(',',':')) }}|{{ {1:2,true:3,none:4}|tojson }}|{{ {'a':{}}|tojson(indent=4) }}
{{ '%s is %d and %.2f %5s|%-5s|%05d %x %r %%'|format('a', 3, 2.5, 'b', 'c', 42, 255, 'q') }}|{{ '%s' % 5 }}|{{ '%(a)s' % {'a': 3} }}|{{ '{} {1} {x}'.format(1) if false else '{} {}'.format(1,'b') }}|{{ '{0:>5}|{1:<5}|{2:^5}|{3:05.1f}'.format('a','b','c',2.25) }}|{{ '{a.b} {c[0]}'.format(a={'b':1}, c=[9]) if false else '{c[0]}'.format(c=[9]) }}|{{ '{:,}'.format(1234567) }}|{{ '{!r}'.format('x') }}
{{ 42.55|round }}|{{ 42.55|round(1,'floor') }}|{{ 2.5|round }}|{{ 3.5|round }}|{{ 2.675|round(2) }}|{{ 1234|round(-2) }}|{{ '3.7'|int }}|{{ 'x'|int(7) }}|{{ 3.9|int }}|{{ '0x1f'|int(base=16) }}|{{ '1.5'|float }}|{{ -3|abs }}|{{ '12 '|int }}
{{ 'a\nb\n\nc'|indent }}|{{ 'a\nb\n\nc'|indent(2,true) }}|{{ 'a\nb'|indent('> ',true,true) }}|{{ 'hello world foo bar'|truncate(11) }}|{{ 'hello world foo bar'|truncate(11,true) }}|{{ 'x'|center(5) }}|{{ 'a b_c d'|wordcount }}|{{ '<a&"\''|e }}|{{ 'a b/é'|urlencode }}
{% for i in [1,2,3] %}{{ loop.index }}{{ loop.index0 }}{{ loop.revindex }}{{ loop.first }}{{ loop.last }}{{ loop.length }}{{ loop.previtem }}{{ loop.nextitem }}{{ loop.cycle('a','b') }}{{ loop.depth }};{% endfor %}
{% for i in [] %}x{% else %}empty{% endfor %}|{% for k, v in m.items() %}{{ k }}={{ v }},{% endfor %}|{% for i in range(10) if i is odd %}{{ i }}{{ loop.length }}{% endfor %}|{% for a, (b, c) in [(1,(2,3))] %}{{ a+b+c }}{% endfor %}
{% for i in range(5) %}{% if i == 1 %}{% continue %}{% endif %}{% if i == 3 %}{% break %}{% endif %}{{ i }}{% endfor %}|{% set ns = namespace(n=0) %}{% for i in range(4) %}{% set ns.n = ns.n + i %}{% endfor %}{{ ns.n }}|{% set y = 1 %}{% for i in [1] %}{% set y = 2 %}{{ y }}{% endfor %}{{ y }}
{% macro f(a, b=2, c='x') %}{{ a }}{{ b }}{{ c }}{% endmacro %}{{ f(1) }}|{{ f(1, c=5) }}|{{ f(1,2,3) }}|{{ f() }}|{% macro g() %}{{ varargs }}{{ kwargs }}{% endmacro %}{{ g(1,2,z=3) }}|{% macro h(x) %}[{{ caller(x) }}]{% endmacro %}{% call(q) h(7) %}<{{ q }}>{% endcall %}
{% set t %}a{{ 1 }}b{% endset %}{{ t }}|{% set t | upper %}abc{% endset %}{{ t }}|{% filter upper|replace('B','-') %}abc{% endfilter %}|{% with a=1, b=2 %}{{ a+b }}{% endwith %}|{% set a, b = 1, 2 %}{{ a }}{{ b }}|{{ a if b else c }}|{{ 'q' if false }}
{% for item in tree recursive %}{{ item.n }}{% if item.c %}({{ loop(item.c) }}){% endif %}{% endfor %}|{% if 1 and 0 or 3 %}y{% endif %}|{{ 1 and 0 or 3 }}|{{ not none }}|{{ [] or 'e' }}|{{ 1 if x else 2 }}|{{ x or 'dflt' }}|{{ x|default('d') }}|{{ ''|default('d', true) }}|{{ none|default('d') }}
{% raw %}{{ x }}{% endraw %}|{# c #}|{{ '{{' }}|{{- ' a ' -}}  |{{ "a" "b" }}|{{ 'a\x41\u00e9\n\\\q' }}|{{ 0x1F }}{{ 1_000 }}{{ 0b11 }}|{{ [1,2,3,] }}|{{ {'a':1,} }}
{{ l[0] }}|{{ l.0 }}|{{ l[-1] }}|{{ l[7] }}|{{ l|first }}|{{ l|last }}|{{ l|join('-') }}|{{ 'abc'|list }}|{{ l + [9] }}|{{ l * 2 }}|{{ 'ab' * 3 }}|{{ l == [1,2,3] }}|{{ l|length }}|{{ l.index(2) }}|{{ dict(a=1, b=2) }}|{{ dict([('x',1)]) }}
{{ msgs|groupby('role')|list|length }}|{% for g, items in msgs|groupby('role') %}{{ g }}:{{ items|length }};{% endfor %}|{{ strftime_now('%Y-%m-%d %d %b %Y %A %B %j %H:%M') }}|{{ strftime_now('%-d %y') }}
{{ 'İ'|lower }}|{{ 'straße'|upper }}|{{ 'ŉ'|upper }}|{{ 'Éa'.swapcase() }}|{{ 'AbC'.isupper() }}|{{ 'abc'.islower() }}|{{ 'a1'.isalnum() }}|{{ '12'.isdigit() }}|{{ ''.isalpha() }}|{{ 'x'.ljust(4,'.') }}|{{ '-5'.zfill(4) }}|{{ 'x'.center(4,'*') }}|{{ 'a\nb\r\nc'.splitlines() }}
{{ 1.0 }}|{{ 3.0 * 2 }}|{{ 5 // 2.0 }}|{{ -5.5 % 2 }}|{{ 1/3 }}|{{ 1e22 }}|{{ 123456789.123 }}|{{ 10 ** 15 }}|{{ 0.00001234 }}|{{ 1e15 }}|{{ 12345678901234567890.0 }}|{{ 5.0e-324 }}
{{ msgs[0] }}|{{ msgs }}|{{ msgs|string|length }}|{{ msgs[0].role }}|{{ (msgs|first).role }}|{{ msgs[-1]['content'] }}|{{ msgs[:1]|length }}|{{ '\u200b\x00é' | string | list }}|{{ m is sameas m }}|{{ range(3)|list }}
{{ joiner is defined }}{% set j = joiner('|') %}{{ j() }}a{{ j() }}b|{{ 5 is eq 5 }}|{{ 5 is gt 3 }}|{{ 'ab' is eq('ab') }}|{{ m is callable }}|{{ range is callable }}|{{ 'A' is upper }}|{{ 'a' is lower }}
{% set x = 5 %}{% if true %}{% set x = 6 %}{% endif %}{{ x }}|{% macro p() %}{{ x }}{% endmacro %}{% set x = 7 %}{{ p() }}|{% for i in [1,2] %}{% if loop.first %}{% set q = 1 %}{% endif %}{{ q }}{% endfor %}
'''.strip("\n").split("\n")
# White space, literals and odd corners.
WHITE = ['a\n  {% if true %}\n  b\n  {% endif %}\nc\n','a {%- if true %} b {%- endif %} c','  {{ 1 }}  \n  {# x #}\n z','{% if true -%}  \n x  {%- endif +%}\n y','  {%+ if true %} q{% endif %}\n\n','{%- set x=1 -%}\n\n {{ x }}\n\n','x\r\n{% if 1 %}\r\ny\r\n{% endif %}\r\n','{% for i in [1,2] %}\n  {{ i }}\n{% endfor %}\n','a\n{#- c -#}\n b','a  \n  {#+ c #}\n b','{% raw %}\n {{ x }} \n{% endraw %}\n z','  {%- raw -%}  a  {%- endraw -%}  b','\n\n','','x\n\n','{{ {"a":{"b":1}}.a.b }}','{{ {"a":{"b":1}}}}','{%\nif\ntrue\n%}x{%endif%}', '  {% if 1 %}a{% endif %}  {% if 1 %}b{% endif %}\n  c', '{% if 1 %}\n\n  a{% endif %}']
# Must be errors.
WRONG = ["{{ x.y }}", "{{ x.y is defined }}", "{{ x[0] }}", "{{ 'a' + 1 }}", "{{ 1 + none }}", "{{ 1 < 'a' }}", "{{ x + 1 }}", "{{ 1 // 0 }}",
         "{% for a in 5 %}{% endfor %}", "{{ 5|length }}", "{{ 'a' in 5 }}", "{{ 1 in 'a' }}", "{{ s.nope() }}", "{{ nope() }}",
         "{{ raise_exception('no') }}", "{{ s|nope }}", "{{ s is nope }}", "{% if %}{% endif %}", "{% if 1 %}", "{{ 1 +",
         "{{ 'a }}", "{% endif %}", "{% for x in %}{% endfor %}", "{% set m.a = 1 %}", "{{ x|tojson }}", "{{ [1]|join(1,2,3) }}",
         "{% macro f(a) %}{% endmacro %}{{ f(1,2) }}", "{% macro f(a) %}{% endmacro %}{{ f(b=2) }}", "{% break %}", "{# open",
         "{% include 'a' %}", "{% import 'a' as b %}", "{{ ''.split('') }}", "{{ '%d' % 'x' }}", "{{ '%s %s' % 'x' }}",
         "{{ range(0, 10, 0) }}", "{% set a, b = [1] %}", "{{ m.update({}) }}", "{{ none + none }}", "{{ 'x' * 'y' }}",
         "{{ [1,'a']|sort }}", "{{ -'a' }}", "{{ {[]:1} }}", "{{ 'a'.index('b') }}", "{{ 'a'.join([1]) }}", "{{ ) }}",
         "{{ (1 }}", "{% unknown %}", "{{ caller() }}", "{{ loop.index }}", "{% raw %}x", "{{ 'a'|replace('a') }}"]
VALUES = dict(s='hello World', m={'a':1,'b':'x','c':None}, l=[1,2,3], msgs=[{'role':'user','content':'hi'},{'role':'assistant','content':"it's\n\"q\""}], tree=[{'n':1,'c':[{'n':2,'c':[]},{'n':3}]},{'n':4}])


def environment():
    e = jinja2.sandbox.ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True,
                                                     extensions=[jinja2.ext.loopcontrols])

    def tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
        return json.dumps(x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)

    def refuse(message):
        raise jinja2.TemplateError(message)

    e.filters["tojson"] = tojson
    e.globals["raise_exception"] = refuse
    e.globals["strftime_now"] = datetime.datetime(2026, 1, 2).strftime
    return e


def main():
    cases = list(LINES) + WHITE + WRONG
    for line in LINES:
        if "{%" not in line:
            cases += [p if p.startswith("{") else "{{" + p for p in line.split("|{{")]
    print(json.dumps({"values": VALUES}, ensure_ascii=False))
    for text in cases:
        row = {"template": text}
        try:
            row["text"] = environment().from_string(text).render(**VALUES)
        except Exception as e:
            row["error"] = type(e).__name__
        if ("error" in row) != (text in WRONG):
            print("unexpected:", row, file=sys.stderr)
        print(json.dumps(row, ensure_ascii=False))


main()
