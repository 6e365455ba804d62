# `make demo` and `make test` do everything on a fresh machine; `make help` lists the rest.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAA := $(BIN)/staa
READY := $(VENV)/.staa-ready
TESTABLE := $(VENV)/.staa-testable
RUNS := runs
CORPORA ?= ../shared/corpora
# Table 5 is table 4 on another corpus, with a smaller ε and smaller weights.
TABLE5 := $(filter table5,$(MAKECMDGOALS))
CORPUS ?= $(if $(TABLE5),iemocap,emodb)

.PHONY: help demo emodb victims options truth generators table4 table5 table6 paper-2 attackers test check completions clean

help: ## print this list
	@sed -n 's/^\([a-z0-9-]*\):[^#]*## /\1\t/p' Makefile | expand -t 13

demo: ## the whole chain on synthetic speech, in minutes on a CPU
emodb: ## the same on Berlin EmoDB: make emodb CORPORA=path/to/corpora
victims: ## victims with and without noise in their training, over seeds: make victims CORPUS=emovo SEEDS=0,1,2
options: ## what each training option brings: make options MODELS=cnn-lstm
truth: ## what a placebo and simple attacks do to both kinds of victims: make truth CORPUS=emodb
generators: ## STAA-Net over seeds, guided and not, beside attacks made for transfer: make generators SEEDS=0,1,2
table4: ## the paper's table 4: make table4 CORPUS=demos THREATS='emo18-paper wav2vec2' VICTIMS='emo18-paper zhao19-paper wav2vec2 wavlm'
table5: ## the same on IEMOCAP: make table5 CORPORA=path/to/corpora THREATS='emo18-paper wav2vec2'
table6: ## the paper's ablation
paper-2: ## the second paper on one corpus, all, female and male speakers: make paper-2 CORPUS=emovo LIMIT=16 QUICK=yes
attackers: ## presets of attackers under several budgets: make attackers CORPUS=ravdess DEVICE=cuda

test: $(TESTABLE) ## the tests, as many at once as there are cores
	$(BIN)/pytest -n auto --dist loadfile

check: $(TESTABLE) ## linters and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# Nothing is compiled in advance: most of what torch brings is never imported, and compiling it took half the installation's time.
$(READY): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --no-compile --editable '.[demo,figures]'
	@touch $@

# What only the tests need; who wants to see the demo need not wait for it.
# adv-lib, one of the implementations that the tests compare with, asks for visdom, which no longer builds and which it does not need.
$(TESTABLE): $(READY)
	$(BIN)/pip install --quiet --no-compile --editable '.[test,reference]'
	$(BIN)/pip install --quiet --no-compile --no-deps adv-lib==0.2.8
	$(BIN)/pip install --quiet --no-compile --editable '.[perceptual]' || echo "PESQ and Zimtohrli could not be installed (they need a C compiler): their tests are skipped"
	@touch $@

# zsh reads its directive on the first line only, which typer leaves blank; bash must not put a space after KEY=.
completions: $(READY) ## write the shells' completion scripts, and the page of keys that they read
	_STAA_COMPLETE=source_bash $(STAA) | sed 's/^    return 0$$/    [[ $$COMPREPLY == *= ]] \&\& compopt -o nospace\n&/' > completions/staa.bash
	_STAA_COMPLETE=source_zsh $(STAA) | sed '/./,$$!d' > completions/_staa
	_STAA_COMPLETE=source_fish $(STAA) > completions/staa.fish
	$(BIN)/python -m staa_cli.commands.explain > recipes/README.md

clean: ## remove all runs
	rm -rf $(RUNS)

# --- A chain for each corpus: data, two victims, two generators, the attacks. `make runs/emovo/pgd-sparse-test/metrics.json` makes
# what it needs.

# What was made on the way is kept.
.SECONDARY:
# The stem of an attack's rule is its corpus and its name; only then is the folder of the corpus known.
.SECONDEXPANSION:

SOURCE = --source $(CORPORA)/$*
$(RUNS)/demo/%: SOURCE :=
$(RUNS)/demo/%: DEMO := -demo
ASKED := 1,2,5

$(RUNS)/%/data/metrics.json: | $(READY)
	$(STAA) prepare $* $(SOURCE) -o $(@D)

$(RUNS)/%/emo18/metrics.json: $(RUNS)/%/data/metrics.json
	$(STAA) train-victim emo18$(DEMO) --data $(RUNS)/$*/data -o $(@D)

$(RUNS)/%/zhao19/metrics.json: $(RUNS)/%/data/metrics.json
	$(STAA) train-victim zhao19$(DEMO) --data $(RUNS)/$*/data -o $(@D)

$(RUNS)/%/staa-net/metrics.json: $(RUNS)/%/emo18/metrics.json
	$(STAA) train-generator staa-net$(DEMO) --data $(RUNS)/$*/data --threat $(RUNS)/$*/emo18 -o $(@D)

$(RUNS)/%/guided/metrics.json: $(RUNS)/%/emo18/metrics.json
	$(STAA) train-generator guided$(DEMO) --data $(RUNS)/$*/data --threat $(RUNS)/$*/emo18 -o $(@D)

# A folder for each sparsity; the last one stands for all.
$(RUNS)/%-test/sparsity-5/metrics.json: $(RUNS)/%/metrics.json $(RUNS)/$$(*D)/zhao19/metrics.json
	$(STAA) attack $(RUNS)/$* $(RUNS)/$(*D)/data --split test --victim $(RUNS)/$(*D)/zhao19 --sparsity $(ASKED) -o $(RUNS)/$*-test

$(RUNS)/%-test/metrics.json: $(RUNS)/$$(*D)/emo18/metrics.json $(RUNS)/$$(*D)/zhao19/metrics.json
	$(STAA) baseline $(*F)$(DEMO) $(RUNS)/$(*D)/data --split test --threat $(RUNS)/$(*D)/emo18 --victim $(RUNS)/$(*D)/zhao19 -o $(@D)

# The longest way first: whatever else there is to do fits beside it.
CHAIN := data emo18 zhao19 guided-test/sparsity-5 pgd-test staa-net-test/sparsity-5
# Small models gain little from a second thread, and every number of threads trains another model: so there is one for each step, the steps
# that need not wait for one another run beside each other, and the numbers do not depend on how many cores there are.
CORES ?= $(shell getconf _NPROCESSORS_ONLN)
$(RUNS)/demo/%: export OMP_NUM_THREADS := 1
$(RUNS)/demo/%: export TTY_INTERACTIVE := 0
demo: | $(READY)
	@$(MAKE) --no-print-directory -j $(CORES) $(CHAIN:%=$(RUNS)/demo/%/metrics.json)
	@$(STAA) report $(RUNS)/demo/*

emodb: $(CHAIN:%=$(RUNS)/emodb/%/metrics.json)
	@$(STAA) report $(RUNS)/emodb/*

# --- Over seeds: each has victims and generators of its own.
comma := ,
SEEDS ?= 0,1,2
NUMBERS := $(subst $(comma), ,$(SEEDS))
EACH = $(foreach number,$(NUMBERS),$(addprefix seed-$(number)/,$(1)))
MODELS ?= emo18 zhao19 cnn-lstm emo18-paper zhao19-paper cnn-lstm-paper
DATA := $(RUNS)/$(CORPUS)/data
TRAINED := $(RUNS)/victims/$(CORPUS)
DEVICE_OPTION = $(DEVICE:%=--device %)
SEED_OPTION = --seed $(if $(filter %-again,$(*F)),1)$(patsubst seed-%,%,$(*D)) $(DEVICE_OPTION)

$(TRAINED)/%/metrics.json: $(DATA)/metrics.json
	$(STAA) train-victim $(*F) --data $(DATA) $(SEED_OPTION) -q -o $(@D)

victims: $(patsubst %,$(TRAINED)/%/metrics.json,$(call EACH,$(MODELS)))
	@$(STAA) report $(^D)

# What each training option brings beside the paper's settings.
OPTIONS ?= shift noise masks balanced all
OPTIONED := $(RUNS)/options/$(CORPUS)
option-shift: SET = 'augment={shift: 1.0}'
option-noise: SET = 'augment={noise_snr_db: [10, 30]}'
option-masks: SET = 'augment={time_mask: 0.15, frequency_mask: 0.15}'
option-balanced: SET = sampling=balanced
option-all: SET = 'augment={shift: 1.0, noise_snr_db: [10, 30], time_mask: 0.15, frequency_mask: 0.15}' --set sampling=balanced
PLAIN := $(filter %-paper,$(MODELS))

option-%: $(DATA)/metrics.json
	for model in $(PLAIN); do \
	  $(STAA) train-victim $$model --data $(DATA) --seeds $(SEEDS) --set $(SET) -q -o $(OPTIONED)/$$model/$* $(DEVICE_OPTION) || exit; \
	done

options: $(patsubst %,$(TRAINED)/%/metrics.json,$(call EACH,$(PLAIN))) $(OPTIONS:%=option-%)
	@$(STAA) report $(patsubst %,$(TRAINED)/%,$(call EACH,$(PLAIN))) $(PLAIN:%=$(OPTIONED)/%/*/*/)

# The victims of one seed, by which attacks on the same seed are judged; the first of them is often the threat model.
VICTIMS ?= emo18 zhao19 cnn-lstm emo18-paper
BESIDE = $(VICTIMS:%=--victim $(TRAINED)/$(*D)/%)
JUDGED = $(patsubst %,$(TRAINED)/$$(*D)/%/metrics.json,$(VICTIMS))

# Against victims trained with noise and without: noise itself, and three attacks.
TRUTH := $(RUNS)/truth/$(CORPUS)
SHARES := 1 6.25 16.5 100
SIMPLE := $(SHARES:%=noise-%) fgsm bim pgd-sparse
TRIED := $(foreach threat,emo18 emo18-paper,$(addsuffix -on-$(threat),$(SIMPLE)))
RECIPE_OF = $(firstword $(subst -on-, ,$(1)))
THREAT_OF = $(lastword $(subst -on-, ,$(1)))

$(TRUTH)/%/metrics.json: $(JUDGED)
	$(STAA) baseline $(if $(filter noise-%,$(*F)),noise --set percent=$(patsubst noise-%,%,$(call RECIPE_OF,$(*F))),$(call RECIPE_OF,$(*F))) \
	  $(DATA) --split test --threat $(TRAINED)/$(*D)/$(call THREAT_OF,$(*F)) $(BESIDE) $(SEED_OPTION) -q -o $(@D)

truth: $(patsubst %,$(TRUTH)/%/metrics.json,$(call EACH,$(TRIED)))
	@$(STAA) report $(^D)

# STAA-Net: a recipe and its threat models for each name; one that ends in -10 trains for ten epochs, one in -again from seed 1N for N,
# against the same victims: of two, val may choose.
GENERATED := $(RUNS)/generators/$(CORPUS)
GENERATORS ?= staa-net unguided pool guided guided-paper
TARGETED ?= targeted-paper
RECIPE_unguided := staa-net --set guide=none
RECIPE_pool := staa-net
RECIPE_unguided-pool := $(RECIPE_unguided)
RECIPE_guided-paper := guided
RECIPE_targeted-paper := targeted
THREATS_pool := emo18 cnn-lstm
THREATS_unguided-pool := $(THREATS_pool)
THREATS_guided-paper := emo18-paper
THREATS_targeted-paper := emo18-paper
ONCE_NAME = $(patsubst %-again,%,$(*F))
FORM_NAME = $(patsubst %-10,%,$(ONCE_NAME))
GENERATOR = $(or $(RECIPE_$(FORM_NAME)),$(FORM_NAME)) $(if $(filter %-10,$(ONCE_NAME)),--set epochs=10)
FOLLOWED = $(or $(THREATS_$(FORM_NAME)),emo18)
KEPT_SHARES := 1,2,5,6.25,10,16.5
REFINED := 0 1 2 5 20
ALONE := $(foreach steps,3 5 8 23,frank-wolfe-$(steps)) $(foreach steps,5 10 20 100 300,sparse-pgd-$(steps))

$(GENERATED)/%/metrics.json: $(JUDGED)
	$(STAA) train-generator $(GENERATOR) --data $(DATA) $(SEED_OPTION) -q -o $(@D) $(FOLLOWED:%=--threat $(TRAINED)/$(*D)/%)

$(GENERATED)/%-test/sparsity-16.5/metrics.json: $(GENERATED)/%/metrics.json
	$(STAA) attack $(GENERATED)/$* $(DATA) --split test $(BESIDE) --sparsity $(KEPT_SHARES) $(DEVICE_OPTION) -q -o $(GENERATED)/$*-test

# Beside it, on the same threat model and as many samples, attacks that start from nothing, like it on one utterance at a time.
$(GENERATED)/%-refined/20/metrics.json: $(GENERATED)/%/metrics.json
	for attack in $(ALONE); do \
	  $(STAA) baseline $${attack%-*} --set percent=2 --set steps=$${attack##*-} $(DATA) --split test \
	    --threat $(TRAINED)/$(*D)/$(firstword $(FOLLOWED)) --batch-size 1 $(SEED_OPTION) -q \
	    -o $(GENERATED)/$*-refined/$$attack || exit; \
	done
	for steps in $(REFINED); do \
	  $(STAA) attack $(GENERATED)/$* $(DATA) --split test --sparsity 2 --refine $$steps $(DEVICE_OPTION) -q -o $(GENERATED)/$*-refined/$$steps || exit; \
	done

# To every target, and with as many looks again where that does not do.
$(GENERATED)/%-pairs/8/sadness/metrics.json: $(GENERATED)/%/metrics.json
	for steps in 0 8; do \
	  for label in anger boredom disgust fear happiness neutral sadness; do \
	    $(STAA) attack $(GENERATED)/$* $(DATA) --split test --sparsity 6.25 --target $$label --refine $$steps $(DEVICE_OPTION) -q \
	      -o $(GENERATED)/$*-pairs/$$steps/$$label || exit; \
	  done; \
	done

$(GENERATED)/seed-%/transfer/vmi/metrics.json: $(VICTIMS:%=$(TRAINED)/seed-$$*/%/metrics.json)
	$(STAA) baseline transfer $(DATA) --split test --threat $(TRAINED)/seed-$*/emo18 $(VICTIMS:%=--victim $(TRAINED)/seed-$*/%) \
	  --seed $* $(DEVICE_OPTION) -q -o $(GENERATED)/seed-$*/transfer

generators: $(patsubst %,$(GENERATED)/%-test/sparsity-16.5/metrics.json,$(call EACH,$(GENERATORS))) \
  $(patsubst %,$(GENERATED)/%-refined/20/metrics.json,$(call EACH,$(filter guided%,$(GENERATORS)))) \
  $(NUMBERS:%=$(GENERATED)/seed-%/transfer/vmi/metrics.json) $(patsubst %,$(GENERATED)/%-pairs/8/sadness/metrics.json,$(call EACH,$(TARGETED)))
	@$(STAA) report $(GENERATED)/*/*-test $(GENERATED)/*/transfer

# The paper's tables: for each threat model a generator trained on train attacks val, and one trained on train+val attacks test. Beside it
# under the same ε the attackers of 'paper-1', PGD on as many samples. FORM is the generator's recipe, with what a small corpus needs:
# FORM='paper --set size=small'; of one with another budget, BUDGET is that. A generator that moves nothing has no PGD to be compared
# with, and its row says so.
THREATS ?= emo18-paper cnn-lstm-paper
FORM ?= $(if $(TABLE5),paper-iemocap,paper)
BUDGET ?= {linf: $(if $(TABLE5),0.01,0.05)}
PAPER := $(RUNS)/paper/$(CORPUS)
TRAIN_val := train
TRAIN_test := train+val
PARTS := factorise magnitude sparsity quantisation
WITHOUT_factorise := --set threshold.factorise=off
WITHOUT_magnitude := --set threshold.weights.magnitude=0
WITHOUT_sparsity := --set threshold.weights.sparsity=0
WITHOUT_quantisation := --set threshold.weights.quantisation=0
# The stem is THREAT/SPLIT/FORM, the form being whole or one of PARTS.
SPLIT = $(notdir $(*D))
STEERED = $(TRAINED)/seed-0/$(firstword $(subst /, ,$*))
# Every threat model is also a victim of the others', as in the paper.
JUDGES = $(VICTIMS) $(filter-out $(VICTIMS),$(THREATS))
JUDGED_BY = $(JUDGES:%=--victim $(TRAINED)/seed-0/%) $(DEVICE_OPTION)
CASES = $(foreach threat,$(THREATS),$(foreach split,val test,$(addprefix $(threat)/$(split)/,$(1))))

# On IEMOCAP wav2vec 2.0 has weights of its own.
FORM_OF = $(if $(findstring wav2vec2,$(STEERED)),$(patsubst paper-iemocap,paper-iemocap-wav2vec2,$(FORM)),$(FORM))
RUN_BASELINE = $(STAA) baseline $(RIVAL_$(@F)) --set 'budget=$(BUDGET)' $(DATA) --split $(SPLIT) --threat $(STEERED) $(JUDGED_BY) -q -o $@
RIVAL_pgd = pgd-sparse --set match=$(PAPER)/$*/attack
RIVAL_sparsefool = sparsefool --set variant=torchattacks $(LIMIT:%=--limit %)
RIVAL_one-pixel = one-pixel $(LIMIT:%=--limit %)

$(PAPER)/%/generator/metrics.json: $(patsubst %,$(TRAINED)/seed-0/%/metrics.json,$(JUDGES))
	$(STAA) train-generator $(FORM_OF) $(WITHOUT_$(*F)) --set train_on=$(TRAIN_$(SPLIT)) --data $(DATA) --threat $(STEERED) -q -o $(@D) $(DEVICE_OPTION)

$(PAPER)/%/attack/metrics.json: $(PAPER)/%/generator/metrics.json
	$(STAA) attack $(PAPER)/$*/generator $(DATA) --split $(SPLIT) $(JUDGED_BY) -q -o $(@D)

# A rule for each: a pattern with three names would be taken to make all at once, and only the first attack would run.
$(PAPER)/%/pgd: $(PAPER)/%/attack/metrics.json
	-$(RUN_BASELINE)

$(PAPER)/%/sparsefool: $(PAPER)/%/attack/metrics.json
	$(RUN_BASELINE)

$(PAPER)/%/one-pixel: $(PAPER)/%/attack/metrics.json
	$(RUN_BASELINE)

BASELINES ?= pgd sparsefool one-pixel
table4 table5: $(patsubst %,$(PAPER)/%/attack/metrics.json,$(call CASES,whole)) $(foreach name,$(BASELINES),$(patsubst %,$(PAPER)/%/$(name),$(call CASES,whole)))
	@$(STAA) report $(PAPER)/*/*/whole

table6: $(patsubst %,$(PAPER)/%/attack/metrics.json,$(call CASES,whole $(PARTS)))
	@$(STAA) report --table ablation $(PAPER)/*/*/*/attack

# The second paper: victims trained on all, female or male speakers, attacked by its grid. Its own split of pieces of one utterance over
# train and test leaks speakers; ours keeps speakers apart.
VOICES ?= all female male
VICTIM2 ?= cnn-lstm-paper cnn-lstm
# QUICK=yes takes far fewer steps where the preset's would take a CPU minutes for an utterance.
FEWER := cw-l2.steps=60 cw-l2.searches=3 cw-linf.steps=50 cw-linf.shrink=0.7 boundary.steps=40 $(foreach pixels,1 5 10,$(addprefix pixels-$(pixels).,steps=4 population=100)) \
  $(addsuffix .gamma=0.002,jsma-up-1 jsma-up-half jsma-down-half jsma-down-1)
QUICKER = $(if $(QUICK),$(FEWER:%=--set attackers.%))
SECOND := $(RUNS)/paper-2/$(CORPUS)
KEEP_female := --set genders=[female]
KEEP_male := --set genders=[male]
# EMOVO has three speakers of each gender, too few for a val.
DEALT_emovo-female := --set 'splits={speakers: {train: [f1, f2], test: [f3]}}'
DEALT_emovo-male := --set 'splits={speakers: {train: [m1, m2], test: [m3]}}'

$(SECOND)/%/data/metrics.json: | $(READY)
	$(STAA) prepare $(CORPUS) --source $(CORPORA)/$(CORPUS) $(KEEP_$*) $(DEALT_$(CORPUS)-$*) -q -o $(@D)

# Each of the victims is attacked and all of them judge, so that their names tell them apart.
voice-%: $(SECOND)/%/data/metrics.json
	for model in $(VICTIM2); do \
	  test -e $(SECOND)/$*/$$model/metrics.json || $(STAA) train-victim $$model --data $(SECOND)/$*/data $(DEVICE_OPTION) -q -o $(SECOND)/$*/$$model || exit; \
	done
	for model in $(VICTIM2); do \
	  $(STAA) baseline paper-2 $(SECOND)/$*/data --split test --threat $(SECOND)/$*/$$model $(VICTIM2:%=--victim $(SECOND)/$*/%) \
	    $(QUICKER) $(LIMIT:%=--limit %) $(DEVICE_OPTION) -q -o $(SECOND)/$*/on-$$model || exit; \
	done

paper-2: $(VOICES:%=voice-%)
	@$(STAA) report --table across --measure accuracy $(SECOND)/*/on-*/*/
	@$(STAA) report --table attacked --measure accuracy $(SECOND)/all/on-*/*/
	@$(STAA) report --figure $(SECOND)/figures-4-and-5.png --draw bars --overwrite $(SECOND)/all/on-$(firstword $(VICTIM2))/*/

# Every attacker on the victims of every seed. A budget stands as in a recipe, with "-" for ": ". LIMIT=16 takes 16 utterances, where a CPU
# would need days for all. An attacker that fails does not keep the others from their turn.
PRESETS ?= paper-1 paper-2 sparse
BUDGETS ?= peak_snr_db-20 linf-0.05
THREAT ?= emo18
BATCH ?= 1
ATTACKED := $(RUNS)/attackers/$(CORPUS)/$(THREAT)

budget-%: $(patsubst %,$(TRAINED)/%/metrics.json,$(call EACH,$(sort $(THREAT) $(VICTIMS))))
	for preset in $(PRESETS); do for seed in $(NUMBERS); do \
	  $(STAA) baseline $$preset $(DATA) --split test --threat $(TRAINED)/seed-$$seed/$(THREAT) \
	    $(VICTIMS:%=--victim $(TRAINED)/seed-$$seed/%) --set 'budget={$(subst -,: ,$*)}' --seed $$seed --batch-size $(BATCH) -q \
	    -o $(ATTACKED)/$*/$$preset/seed-$$seed $(LIMIT:%=--limit %) $(DEVICE_OPTION) || failed=1; \
	done; done; exit $$failed

attackers: $(BUDGETS:%=budget-%)
	@$(STAA) report $(BUDGETS:%=$(ATTACKED)/%/*/*/*/)
