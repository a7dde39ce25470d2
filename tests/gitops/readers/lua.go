package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	lua "github.com/yuin/gopher-lua"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	luajson "layeh.com/gopher-json"
)

// byLua runs a script of argocd-cm as Argo CD does (util/lua/lua.go): without the string library, in a second
// at most, with the object as `obj`; what a script returns goes through JSON, where an empty table is a list.
// Argo CD lends two functions of `os`, too; a script that asks the time is a mistake here.
func byLua(question Question, object *unstructured.Unstructured) (Answer, error) {
	state := lua.NewState(lua.Options{SkipOpenLibs: true})
	defer state.Close()
	for name, open := range map[string]lua.LGFunction{
		lua.LoadLibName: lua.OpenPackage,
		lua.BaseLibName: lua.OpenBase,
		lua.TabLibName:  lua.OpenTable,
	} {
		call := lua.P{Fn: state.NewFunction(open), Protect: true}
		if err := state.CallByParam(call, lua.LString(name)); err != nil {
			return Answer{}, err
		}
	}
	limited, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	state.SetContext(limited)
	state.SetGlobal("actionParams", state.CreateTable(0, 0))
	state.SetGlobal("obj", toLua(state, object.Object))
	if err := state.DoString(question.Script); err != nil {
		return Answer{}, err
	}
	returned := state.Get(-1)
	if returned.Type() != lua.LTTable {
		return Answer{}, fmt.Errorf("expect table output from Lua script, not %s", returned.Type())
	}
	text, err := luajson.Encode(returned)
	if err != nil {
		return Answer{}, err
	}
	return understood(text, object)
}

// understood takes what a script returned: a health, a table of actions, or a changed object.
func understood(text []byte, object *unstructured.Unstructured) (Answer, error) {
	var health struct {
		Status  any    `json:"status"`
		Message string `json:"message"`
	}
	if json.Unmarshal(text, &health) == nil {
		if status, ok := health.Status.(string); ok {
			return Answer{Status: status, Message: health.Message}, nil
		}
	}
	var changed map[string]any
	if json.Unmarshal(text, &changed) != nil || changed["kind"] == nil {
		return Answer{Value: text}, nil
	}
	cleaned, err := json.Marshal(withMaps(changed, object.Object))
	if err != nil {
		return Answer{}, errors.New("the object that the script returned is no JSON")
	}
	return Answer{Value: cleaned}, nil
}

// withMaps makes empty lists of a changed object the empty maps again that they were (cleanReturnedObj).
func withMaps(changed, before any) any {
	switch now := changed.(type) {
	case map[string]any:
		if was, ok := before.(map[string]any); ok {
			for key, value := range now {
				now[key] = withMaps(value, was[key])
			}
		}
	case []any:
		if _, ok := before.(map[string]any); ok && len(now) == 0 {
			return map[string]any{}
		}
		if was, ok := before.([]any); ok {
			for index := range min(len(now), len(was)) {
				now[index] = withMaps(now[index], was[index])
			}
		}
	}
	return changed
}

// toLua is Argo CD's decodeValue, which knows int64 beside the types of JSON.
func toLua(state *lua.LState, value any) lua.LValue {
	switch typed := value.(type) {
	case int64:
		return lua.LNumber(typed)
	case []any:
		list := state.CreateTable(len(typed), 0)
		for _, item := range typed {
			list.Append(toLua(state, item))
		}
		return list
	case map[string]any:
		table := state.CreateTable(0, len(typed))
		for key, item := range typed {
			table.RawSetH(lua.LString(key), toLua(state, item))
		}
		return table
	}
	return luajson.DecodeValue(state, value)
}
