# `make demo` and `make test` do everything on a fresh machine; `make help` lists the rest.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAA := $(BIN)/staa
READY := $(VENV)/.staa-ready
RUNS := runs
CORPORA ?= ../shared/corpora
CORPUS ?= emodb

.PHONY: help demo emodb victims options truth attackers test check completions clean

help: ## print this list
	@sed -n 's/^\([a-z]*\):[^#]*## /\1\t/p' Makefile | expand -t 13

demo: ## the whole chain on synthetic speech, in minutes on a CPU
emodb: ## the same on Berlin EmoDB: make emodb CORPORA=path/to/corpora
victims: ## three victims over seeds: make victims CORPUS=emovo SEEDS=0,1,2
options: ## what each training option brings: make options MODELS=cnn-lstm
truth: ## what a placebo does to victims trained plainly and with noise: make truth CORPUS=emodb
attackers: ## presets of attackers under several budgets: make attackers CORPUS=ravdess DEVICE=cuda

test: $(READY) ## the tests
	$(BIN)/pytest

check: $(READY) ## linters and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# adv-lib, one of the implementations that the tests compare with, asks for visdom, which no longer builds and which it does not need.
$(READY): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --editable '.[test,reference]'
	$(BIN)/pip install --quiet --no-deps adv-lib==0.2.8
	@touch $@

# zsh reads its directive on the first line only, which typer leaves blank; bash must not put a space after KEY=.
completions: $(READY) ## write the shells' completion scripts, and the page of keys that they read
	_STAA_COMPLETE=source_bash $(STAA) | sed 's/^    return 0$$/    [[ $$COMPREPLY == *= ]] \&\& compopt -o nospace\n&/' > completions/staa.bash
	_STAA_COMPLETE=source_zsh $(STAA) | sed '/./,$$!d' > completions/_staa
	_STAA_COMPLETE=source_fish $(STAA) > completions/staa.fish
	$(BIN)/python -m staa_cli.commands.explain > recipes/README.md

clean: ## remove all runs
	rm -rf $(RUNS)

# --- A chain for each corpus: data, two victims, the generator, the attacks. `make runs/emovo/bim-test/metrics.json` makes
# what it needs.

# What was made on the way is kept.
.PRECIOUS: $(RUNS)/%/data/metrics.json $(RUNS)/%/emo18/metrics.json $(RUNS)/%/zhao19/metrics.json $(RUNS)/%/staa-net/metrics.json
# The stem of an attack's rule is its corpus and its name; only then is the folder of the corpus known.
.SECONDEXPANSION:

CHAINS := $(sort demo emodb $(CORPUS))
SOURCE = --source $(CORPORA)/$*
$(RUNS)/demo/%: SOURCE :=
$(RUNS)/demo/%: DEMO := -demo

$(RUNS)/%/data/metrics.json: | $(READY)
	$(STAA) prepare $* $(SOURCE) -o $(@D)

$(RUNS)/%/emo18/metrics.json: $(RUNS)/%/data/metrics.json
	$(STAA) train-victim emo18$(DEMO) --data $(RUNS)/$*/data -o $(@D)

$(RUNS)/%/zhao19/metrics.json: $(RUNS)/%/data/metrics.json
	$(STAA) train-victim zhao19$(DEMO) --data $(RUNS)/$*/data -o $(@D)

$(RUNS)/%/staa-net/metrics.json: $(RUNS)/%/emo18/metrics.json
	$(STAA) train-generator staa-net$(DEMO) --data $(RUNS)/$*/data --threat $(RUNS)/$*/emo18 -o $(@D)

# Named by corpus, so that it goes before the rule of the other attacks.
$(CHAINS:%=$(RUNS)/%/staa-net-test/metrics.json): $(RUNS)/%/staa-net-test/metrics.json: $(RUNS)/%/staa-net/metrics.json $(RUNS)/%/zhao19/metrics.json
	$(STAA) attack $(RUNS)/$*/staa-net $(RUNS)/$*/data --split test --victim $(RUNS)/$*/zhao19 -o $(@D)

$(RUNS)/%-test/metrics.json: $(RUNS)/$$(*D)/emo18/metrics.json $(RUNS)/$$(*D)/zhao19/metrics.json
	$(STAA) baseline $(*F)$(DEMO) $(RUNS)/$(*D)/data --split test --threat $(RUNS)/$(*D)/emo18 --victim $(RUNS)/$(*D)/zhao19 -o $(@D)

DEMO_RUNS := data emo18 zhao19 pgd-test staa-net-test
demo: $(DEMO_RUNS:%=$(RUNS)/demo/%/metrics.json)
	@$(STAA) report $(^D)

EMODB_RUNS := data emo18 zhao19 fgsm-test bim-test pgd-test pgd-sparse-test staa-net-test
emodb: $(EMODB_RUNS:%=$(RUNS)/emodb/%/metrics.json)
	@$(STAA) report $(^D)

# --- Over seeds. A finished run is not made again, which staa itself knows.
SEEDS ?= 0,1,2
MODELS ?= cnn-lstm emo18 zhao19
DATA := $(RUNS)/$(CORPUS)/data
VICTIMS := $(RUNS)/victims/$(CORPUS)
DEVICE_OPTION = $(DEVICE:%=--device %)

TRAINED := $(MODELS:%=$(VICTIMS)/%)
.PHONY: $(TRAINED)
$(TRAINED): $(VICTIMS)/%: $(DATA)/metrics.json
	$(STAA) train-victim $* --data $(DATA) --seeds $(SEEDS) -q -o $@ $(DEVICE_OPTION)

victims: $(TRAINED)
	@$(STAA) report $(^:%=%/*/)

# What each training option brings beside the paper's settings.
OPTIONS ?= shift noise masks balanced all
OPTIONED := $(RUNS)/options/$(CORPUS)
option-shift: SET = 'augment={shift: 1.0}'
option-noise: SET = 'augment={noise_snr_db: [10, 30]}'
option-masks: SET = 'augment={time_mask: 0.15, frequency_mask: 0.15}'
option-balanced: SET = sampling=balanced
option-all: SET = 'augment={shift: 1.0, noise_snr_db: [10, 30], time_mask: 0.15, frequency_mask: 0.15}' --set sampling=balanced

option-%: $(DATA)/metrics.json
	for model in $(MODELS); do \
	  $(STAA) train-victim $$model --data $(DATA) --seeds $(SEEDS) --set $(SET) -q -o $(OPTIONED)/$$model/$* $(DEVICE_OPTION) || exit; \
	done

options: $(TRAINED) $(OPTIONS:%=option-%)
	@$(STAA) report $(TRAINED:%=%/*/) $(MODELS:%=$(OPTIONED)/%/*/*/)

# Victims trained plainly and with noise; against one of each kind noise itself, three attacks and STAA-Net, judged by all of them.
TRUTH := $(RUNS)/truth/$(CORPUS)
TRUE := $(foreach model,$(MODELS),$(TRUTH)/victims/$(model)/plain $(TRUTH)/victims/$(model)/noise)
SHARES := 1 6.25 16.5 100
%/noise: AUGMENT = --set 'augment={shift: 1.0, noise_snr_db: [0, 30]}'
.PHONY: $(TRUE)
$(TRUE): $(DATA)/metrics.json
	$(STAA) train-victim $(notdir $(@D)) --data $(DATA) $(AUGMENT) -q -o $@ $(DEVICE_OPTION)

truth-%: $(TRUE)
	for share in $(SHARES); do \
	  $(STAA) baseline noise --set percent=$$share $(DATA) $(JUDGED) -q -o $(TRUTH)/$*/noise-$$share || exit; \
	done
	for attack in fgsm bim pgd-sparse; do \
	  $(STAA) baseline $$attack $(DATA) $(JUDGED) -q -o $(TRUTH)/$*/$$attack || exit; \
	done
	$(STAA) train-generator staa-net --data $(DATA) --threat $(TRUTH)/victims/$(THREAT)/$* -q -o $(TRUTH)/$*/staa-net $(DEVICE_OPTION)
	$(STAA) attack $(TRUTH)/$*/staa-net $(DATA) --split test $(TRUE:%=--victim %) -q -o $(TRUTH)/$*/staa-net-test $(DEVICE_OPTION)
JUDGED = --split test --threat $(TRUTH)/victims/$(THREAT)/$* $(TRUE:%=--victim %) $(DEVICE_OPTION)

truth: truth-plain truth-noise
	@$(STAA) report $(TRUTH)/victims/*/*/ $(TRUTH)/plain/*/ $(TRUTH)/noise/*/

# Every attacker on the victims of every seed. A budget stands as in a recipe, with "-" for ": ". LIMIT=16 takes 16 utterances, where a CPU
# would need days for all. An attacker that fails does not keep the others from their turn.
PRESETS ?= paper-1 paper-2 sparse
BUDGETS ?= peak_snr_db-20 linf-0.05
THREAT ?= emo18
BATCH ?= 1
ATTACKED := $(RUNS)/attackers/$(CORPUS)/$(THREAT)
FURTHER = $(filter-out $(THREAT),$(MODELS))

budget-%: $(TRAINED)
	for preset in $(PRESETS); do for seed in $$(echo $(SEEDS) | tr , ' '); do \
	  $(STAA) baseline $$preset $(DATA) --split test --threat $(VICTIMS)/$(THREAT)/seed-$$seed \
	    $(FURTHER:%=--victim $(VICTIMS)/%/seed-$$seed) --set 'budget={$(subst -,: ,$*)}' --seed $$seed --batch-size $(BATCH) -q \
	    -o $(ATTACKED)/$*/$$preset/seed-$$seed $(LIMIT:%=--limit %) $(DEVICE_OPTION) || failed=1; \
	done; done; exit $$failed

attackers: $(BUDGETS:%=budget-%)
	@$(STAA) report $(BUDGETS:%=$(ATTACKED)/%/*/*/*/)
