#!/usr/bin/env python3
"""The judge must see what is wrong: answers made up here, no kernel needed."""

import sys
import unittest

from judge import HOWS, Score
from truth import Answer, Question


def network(opened=300, each=200):
    """A truth set that is large enough, IPv4 and IPv6."""
    truth = {}
    for how, count in zip(HOWS, (opened, each, each, each)):
        for i in range(count):
            address = '10.0.0.1' if i % 2 else 'fd00::1'
            truth[Question('host', 'tcp', address, HOWS.index(how) * 1000 + i + 1)] = Answer(how == 'accepted', (how,), '')
    return truth


def right(answer):
    return {'verdict': 'open' if answer.open else 'closed', 'how': answer.hows[0]}


def faults(truth, said):
    score = Score()
    score.add(truth, said)
    return score.faults(True)


class Judge(unittest.TestCase):
    def test_right_answers_pass(self):
        truth = network()
        self.assertEqual(faults(truth, {q: right(a) for q, a in truth.items()}), [])

    def test_always_closed_fails(self):
        truth = network()
        self.assertIn('300 contradictions', faults(truth, {q: {'verdict': 'closed', 'how': 'dropped'} for q in truth}))

    def test_always_unknown_fails(self):
        truth = network()
        found = faults(truth, {q: {'verdict': 'unknown', 'how': 'unknown', 'reason': 'x'} for q in truth})
        self.assertEqual(found, ['100.00 % unknown'])

    def test_an_answer_that_is_missing_or_strange_is_a_contradiction(self):
        truth = network()
        said = {q: right(a) for q, a in truth.items()}
        first, second = list(said)[:2]
        del said[first]
        said[second] = {'verdict': 'perhaps'}
        self.assertEqual(faults(truth, said), ['2 contradictions'])

    def test_one_contradiction_is_enough(self):
        truth = network()
        said = {q: right(a) for q, a in truth.items()}
        said[list(said)[-1]] = {'verdict': 'open', 'how': 'accepted'}
        self.assertEqual(faults(truth, said), ['1 contradictions'])

    def test_how_may_be_wrong_in_half_a_percent_only(self):
        truth = network()
        said = {q: right(a) for q, a in truth.items()}
        for q in list(said)[-4:]:
            said[q] = {'verdict': 'closed', 'how': 'refused'}
        self.assertEqual(faults(truth, said), [])
        for q in list(said)[-5:]:
            said[q] = {'verdict': 'closed', 'how': 'refused'}
        self.assertEqual(faults(truth, said), ['how is right in 99.44 % of 900'])

    def test_unknown_may_be_half_a_percent_only(self):
        truth = network()
        said = {q: right(a) for q, a in truth.items()}
        for q in list(said)[:5]:
            said[q] = {'verdict': 'unknown'}
        self.assertEqual(faults(truth, said), ['0.56 % unknown'])

    def test_both_names_of_a_port_unreachable_are_right(self):
        truth = network()
        q = Question('host', 'udp', '10.0.0.1', 514)
        truth[q] = Answer(False, ('unreachable', 'refused'), '')
        for how in ('refused', 'unreachable'):
            said = {x: right(a) for x, a in truth.items()}
            said[q] = {'verdict': 'closed', 'how': how}
            self.assertEqual(faults(truth, said), [])

    def test_a_truth_set_without_enough_of_each_kind_fails(self):
        truth = network(opened=100)
        self.assertIn('only 100 of 700 pairs are open', faults(truth, {q: right(a) for q, a in truth.items()})[0])
        truth = {q: a for q, a in network().items() if a.hows[0] != 'unreachable'}
        self.assertIn('only 0 pairs are unreachable', faults(truth, {q: right(a) for q, a in truth.items()})[0])


if __name__ == '__main__':
    sys.exit(unittest.main())
